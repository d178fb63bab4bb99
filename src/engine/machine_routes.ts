import {
  CreateMachineRequest,
  EnterMachineRequest,
  MachineCopyRequest,
  SetMachineRequest,
  StopRequest,
} from "../api/mod.ts";
import type { Machines } from "../machine/mod.ts";
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
    route("POST /machines/:name/clone", async (call) => {
      const { target } = await call.body(MachineCopyRequest);
      call.json(await machines.clone(call.ref, target), 201);
    }),
  ];
}
