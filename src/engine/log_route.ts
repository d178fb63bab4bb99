import { Frame, frameHeader } from "../api/mod.ts";
import { type Container, LogFollower, readTail } from "../container/mod.ts";
import type { LogPosition, ReadRecord } from "../container/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { Call } from "./router.ts";

interface LogQuery {
  readonly follow: boolean;
  readonly tail: number | undefined;
  readonly untilNs: bigint | undefined;
  /** Whether a record is within the times and of the stream that were asked for. */
  wants(record: ReadRecord): boolean;
}

/** Sends what a container has written: frames of type `log`. */
export async function sendLogs(call: Call, container: Container): Promise<void> {
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
    const ended = !query.follow || !log || log.closed || container.state === "exited" ||
      isOver(query);
    const more = log?.changed();
    await sendRecords(call, follower.read(), query);
    if (ended || gone.aborted) break;
    using over = whenOver(query);
    await Promise.race([more, over.promise, new Promise((resolve) => aborted(gone, resolve))]);
  }
  call.response.end();
}

function isOver({ untilNs }: LogQuery): boolean {
  return untilNs !== undefined && BigInt(Date.now()) * 1_000_000n > untilNs;
}

/** Nothing that is written later than `untilNs` is wanted: following ends then. */
function whenOver({ untilNs }: LogQuery): { promise: Promise<void> } & Disposable {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (untilNs === undefined) return { promise, [Symbol.dispose]() {} };
  const leftMs = Number(untilNs / 1_000_000n) - Date.now() + 1;
  const timer = setTimeout(resolve, Math.min(Math.max(leftMs, 0), 2 ** 31 - 1));
  return { promise, [Symbol.dispose]: () => clearTimeout(timer) };
}

/** @returns Behind what was looked at. */
async function sendTail(
  call: Call,
  logs: string,
  query: LogQuery,
  lines: number,
): Promise<LogPosition> {
  const { records, end } = readTail(logs, lines, (record) => query.wants(record));
  await sendRecords(call, records, query);
  return end;
}

async function sendRecords(
  call: Call,
  records: Iterable<ReadRecord>,
  query: LogQuery,
): Promise<void> {
  for (const record of records) if (query.wants(record)) await call.write(logFrame(record));
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
  const stream = number("stream");
  const sinceNs = number("sinceNs") ?? 0n;
  const untilNs = number("untilNs");
  return {
    follow: call.flag("follow"),
    tail: tail === undefined ? undefined : Number(tail),
    untilNs,
    wants: (record) =>
      record.timeNs >= sinceNs && (untilNs === undefined || record.timeNs <= untilNs) &&
      (stream === undefined || BigInt(record.stream) === stream),
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
