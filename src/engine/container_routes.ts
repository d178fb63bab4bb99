import {
  AgentRequest,
  CreateRequest,
  ExecRequest,
  KillRequest,
  PruneContainersRequest,
  RenameRequest,
  StopRequest,
  UpdateRequest,
  WaitRequest,
} from "../api/mod.ts";
import { type Container, type Containers, pruneContainers } from "../container/mod.ts";
import { CtrError } from "../core/mod.ts";
import { sendLogs } from "./log_route.ts";
import { type Call, type Route, route } from "./router.ts";

/** `/containers`, all but attach. */
export function containerRoutes(containers: Containers): Route[] {
  const of = (call: Call) => containers.get(call.ref);
  return [
    route("GET /containers", async (call) => {
      const all = await describeAll(containers.list().filter(notMachine), call.flag("size"));
      const ended = (state: string) => state === "created" || state === "exited";
      call.json(call.flag("all") ? all : all.filter(({ status }) => !ended(status.state)));
    }),
    route("POST /containers", async (call) => {
      call.json(await containers.create(await call.body(CreateRequest)), 201);
    }),
    route("GET /containers/:ref", async (call) => call.json(await of(call).describe())),
    route("DELETE /containers/:ref", async (call) => {
      refuseMachine(of(call));
      await of(call).remove(call.flag("force"), { volumes: call.flag("volumes") });
      call.nothing();
    }),
    ...lifeRoutes(containers),
    route("POST /containers/:ref/exec", async (call) => {
      const { process, detach } = await call.body(ExecRequest);
      call.json({ processId: await of(call).exec(process, detach) }, 201);
    }),
    route("GET /containers/:ref/logs", (call) => sendLogs(call, of(call))),
  ];
}

/** What changes a container's life, or waits for it. */
function lifeRoutes(containers: Containers): Route[] {
  const of = (call: Call) => containers.get(call.ref);
  return [
    route("POST /containers/prune", async (call) => {
      const { filters } = await call.body(PruneContainersRequest);
      call.json(await pruneContainers(containers, filters));
    }),
    route("POST /containers/:ref/start", async (call) => {
      call.json(await of(call).start(call.beganAt));
    }),
    route("POST /containers/:ref/stop", async (call) => {
      const { signal, timeoutMs } = await call.body(StopRequest);
      await of(call).stop(signal, timeoutMs);
      call.nothing();
    }),
    route("POST /containers/:ref/restart", async (call) => {
      const { signal, timeoutMs } = await call.body(StopRequest);
      call.json(await of(call).restart(signal, timeoutMs));
    }),
    route("POST /containers/:ref/kill", async (call) => {
      const { signal } = await call.body(KillRequest);
      await of(call).kill(signal);
      call.nothing();
    }),
    route("POST /containers/:ref/pause", async (call) => {
      await of(call).pause();
      call.nothing();
    }),
    route("POST /containers/:ref/unpause", async (call) => {
      await of(call).unpause();
      call.nothing();
    }),
    route("POST /containers/:ref/rename", async (call) => {
      const { name } = await call.body(RenameRequest);
      refuseMachine(of(call));
      await containers.rename(call.ref, name);
      call.nothing();
    }),
    route("POST /containers/:ref/agent", async (call) => {
      await of(call).handAgent((await call.body(AgentRequest)).socket);
      call.nothing();
    }),
    route("POST /containers/:ref/update", async (call) => {
      call.json(await of(call).update(await call.body(UpdateRequest)));
    }),
    route("POST /containers/:ref/wait", async (call) => {
      const { gone } = call;
      const exit = await of(call).waitFor(await call.body(WaitRequest), gone);
      if (exit) call.json(exit);
      else call.nothing();
    }),
  ];
}

/** Machines have a list of their own. */
function notMachine({ record }: Container): boolean {
  return record.config.root !== "disk";
}

/** What a machine is called and whether it is there is written down in two places. */
function refuseMachine(container: Container): void {
  if (notMachine(container)) return;
  const { name, hostname } = container.record.config;
  throw new CtrError("conflict", `cannot change "${name}": it is the machine "${hostname}"`, {
    hint: `see "ctr machine --help"`,
  });
}

/** One that is removed meanwhile is left out. */
async function describeAll(containers: readonly Container[], size: boolean) {
  const all = await Promise.allSettled(containers.map((each) => each.describe({ size })));
  return all.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
}
