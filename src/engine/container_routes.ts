import {
  CreateRequest,
  ExecRequest,
  Frame,
  frameHeader,
  KillRequest,
  PruneContainersRequest,
  RenameRequest,
  StopRequest,
  UpdateRequest,
  WaitRequest,
} from "../api/mod.ts";
import {
  type Container,
  type Containers,
  logEnd,
  LogFollower,
  pruneContainers,
  readTail,
} from "../container/mod.ts";
import type { LogPosition, ReadRecord } from "../container/mod.ts";
import { CtrError } from "../core/mod.ts";
import { type Call, type Route, route } from "./router.ts";

/** `/containers`, all but attach. */
export function containerRoutes(containers: Containers): Route[] {
  const of = (call: Call) => containers.get(call.ref);
  return [
    route("GET /containers", async (call) => {
      const all = await describeAll(containers.list(), call.flag("size"));
      const ended = (state: string) => state === "created" || state === "exited";
      call.json(call.flag("all") ? all : all.filter(({ status }) => !ended(status.state)));
    }),
    route("POST /containers", async (call) => {
      call.json(await containers.create(await call.body(CreateRequest)), 201);
    }),
    route("GET /containers/:ref", async (call) => call.json(await of(call).describe())),
    route("DELETE /containers/:ref", async (call) => {
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
      await containers.rename(call.ref, name);
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

/** One that is removed meanwhile is left out. */
async function describeAll(containers: readonly Container[], size: boolean) {
  const all = await Promise.allSettled(containers.map((each) => each.describe({ size })));
  return all.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
}

interface LogQuery {
  readonly follow: boolean;
  readonly tail: number | undefined;
  readonly sinceNs: bigint;
  readonly untilNs: bigint | undefined;
}

async function sendLogs(call: Call, container: Container): Promise<void> {
  if (call.flag("boot")) return await sendBootLog(call, container);
  const query = readLogQuery(call);
  const gone = call.gone;
  call.response.writeHead(200, { "content-type": "application/octet-stream" });
  call.response.flushHeaders();
  const { logs } = container.folders;
  const from = query.tail === undefined ? undefined : await sendTail(call, logs, query, query.tail);
  const follower = new LogFollower(logs, from);
  for (;;) {
    const log = container.liveLog;
    const ended = !query.follow || !log || log.closed || container.state === "exited";
    const more = log?.changed();
    await sendRecords(call, follower.read(), query);
    if (ended || gone.aborted) break;
    await Promise.race([more, new Promise((resolve) => aborted(gone, resolve))]);
  }
  call.response.end();
}

/** @returns Behind what was sent. */
async function sendTail(
  call: Call,
  logs: string,
  query: LogQuery,
  lines: number,
): Promise<LogPosition> {
  const records = readTail(logs, lines);
  const end = records.at(-1);
  await sendRecords(call, records, query);
  return end ? { run: end.run, offset: end.offset + end.data.length } : logEnd(logs);
}

async function sendRecords(
  call: Call,
  records: Iterable<ReadRecord>,
  { sinceNs, untilNs }: LogQuery,
): Promise<void> {
  for (const record of records) {
    if (record.timeNs < sinceNs || (untilNs !== undefined && record.timeNs > untilNs)) continue;
    await call.write(logFrame(record));
  }
}

function logFrame({ timeNs, stream, data }: ReadRecord): Uint8Array {
  const head = 9;
  const frame = new Uint8Array(5 + head + data.length);
  frame.set(frameHeader(Frame.log, head + data.length));
  const view = new DataView(frame.buffer);
  view.setBigUint64(5, timeNs);
  view.setUint8(13, stream);
  frame.set(data, 5 + head);
  return frame;
}

function readLogQuery(call: Call): LogQuery {
  const number = (name: string): bigint | undefined => {
    const text = call.query.get(name);
    if (text === null || text === "") return undefined;
    if (/^\d{1,19}$/.test(text)) return BigInt(text);
    throw new CtrError("usage", `cannot read the log: ${name} "${text}" is no number`);
  };
  const tail = number("tail");
  return {
    follow: call.flag("follow"),
    tail: tail === undefined ? undefined : Number(tail),
    sinceNs: number("sinceNs") ?? 0n,
    untilNs: number("untilNs"),
  };
}

/** What the guest's kernel and init said, oldest first. */
async function sendBootLog(call: Call, container: Container): Promise<void> {
  const { console } = container.folders;
  call.response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
  for (const path of [`${console}.1`, console]) {
    const bytes = await Deno.readFile(path).catch(() => undefined);
    if (bytes) await call.write(bytes);
  }
  call.response.end();
}

function aborted(signal: AbortSignal, then: (value: unknown) => void): void {
  if (signal.aborted) then(undefined);
  else signal.addEventListener("abort", then, { once: true });
}
