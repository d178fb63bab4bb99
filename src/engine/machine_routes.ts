import {
  CreateMachineRequest,
  EnterMachineRequest,
  HostUser,
  MachineCopyRequest,
  SetMachineRequest,
  SnapshotRequest,
  StopRequest,
} from "../api/mod.ts";
import type { Machines } from "../machine/mod.ts";
import { CtrError } from "../core/mod.ts";
import { sendBytes } from "./file_routes.ts";
import { type Call, type Route, route } from "./router.ts";

/** What `/machines/…` calls the default machine: no name begins so. */
const DEFAULT = "-";

/** `/machines`. */
export function machineRoutes(machines: Machines): Route[] {
  const name = (call: Call) => call.ref === DEFAULT ? undefined : call.ref;
  return [
    route("GET /machines", async (call) => call.json(await machines.list())),
    route("POST /machines", async (call) => {
      call.json(await machines.create(await call.body(CreateMachineRequest)), 201);
    }),
    route("GET /machines/:name", async (call) => call.json(await machines.describe(name(call)))),
    route("DELETE /machines/:name", async (call) => call.json(await machines.remove(call.ref))),
    route(
      "POST /machines/:name/start",
      async (call) => call.json(await machines.start(name(call))),
    ),
    route("POST /machines/:name/stop", async (call) => {
      const { timeoutMs } = await call.body(StopRequest);
      call.json({ name: await machines.stop(name(call), timeoutMs) });
    }),
    route("POST /machines/:name/restart", async (call) => {
      const { timeoutMs } = await call.body(StopRequest);
      call.json({ name: await machines.restart(name(call), timeoutMs) });
    }),
    route("POST /machines/:name/set", async (call) => {
      call.json(await machines.set(name(call), await call.body(SetMachineRequest)));
    }),
    route("POST /machines/:name/default", (call) => {
      machines.setDefault(call.ref);
      call.nothing();
      return Promise.resolve();
    }),
    route("POST /machines/:name/enter", async (call) => {
      call.json(await machines.enter(name(call), await call.body(EnterMachineRequest)));
    }),
    route("POST /machines/:name/rename", async (call) => {
      await machines.rename(call.ref, (await call.body(MachineCopyRequest)).target);
      call.nothing();
    }),
    route("GET /machines/:name/ports", async (call) => call.json(await machines.ports(name(call)))),
    route("GET /machines/:name/export", async (call) => {
      await sendBytes(call, "application/x-tar", machines.export(call.ref));
    }),
    route("POST /machines/import", async (call) => {
      const wanted = call.query.get("name") ?? undefined;
      const user = parseUser(call.query.get("user") ?? "");
      const bytes = call.request as AsyncIterable<Uint8Array>;
      call.json(await machines.import(wanted, user, bytes), 201);
    }),
    route("GET /machines/:name/snapshots", async (call) => {
      call.json(await machines.snapshots(call.ref));
    }),
    route("POST /machines/:name/snapshots", async (call) => {
      await machines.snapshot(call.ref, (await call.body(SnapshotRequest)).name);
      call.nothing();
    }),
    route("POST /machines/:name/restore", async (call) => {
      await machines.restore(call.ref, (await call.body(SnapshotRequest)).name);
      call.nothing();
    }),
    route("DELETE /machines/:name/snapshots/:snapshot", async (call) => {
      await machines.removeSnapshot(call.ref, call.params[1]!);
      call.nothing();
    }),
    route("POST /machines/:name/clone", async (call) => {
      const { target } = await call.body(MachineCopyRequest);
      call.json(await machines.clone(call.ref, target), 201);
    }),
  ];
}

/** It stands in the query: the body is the archive. */
function parseUser(text: string): HostUser {
  try {
    return HostUser.parse(JSON.parse(text));
  } catch (cause) {
    throw new CtrError("usage", "cannot import: the user is not described", { cause });
  }
}
