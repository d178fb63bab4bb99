import { Frame } from "../api/wire/mod.ts";
import type { App } from "./app.ts";
import { OutputClosed, writeOutput } from "./attach_output.ts";
import { usage } from "./errors.ts";
import { readFrames } from "./frame_reader.ts";
import { parseTimeNs } from "./log_time.ts";
import { count } from "./settings.ts";

interface LogsFlags {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly since?: string;
  readonly until?: string;
  readonly stream?: "stdout" | "stderr";
  readonly timestamps?: boolean;
  readonly boot?: boolean;
}

const PIECE_HEADER = 9; // u64 time, u8 stream

/** Prints a container's output to the streams it came from, byte by byte as it was written. */
export async function logs(app: App, container: string, flags: LogsFlags): Promise<void> {
  const query = logQuery(flags, Date.now());
  const engine = await app.engine();
  const path = `/containers/${encodeURIComponent(container)}/logs?${query}`;
  const response = await engine.stream({ method: "GET", path });
  try {
    if (flags.boot) {
      for await (const bytes of response.body) await writeOutput(Deno.stdout, bytes);
    } else await printPieces(response.body, Boolean(flags.timestamps));
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
    app.exitStatus = 141;
  } finally {
    response.connection.close();
  }
}

function logQuery(flags: LogsFlags, nowMs: number): URLSearchParams {
  const query = new URLSearchParams();
  const { tail, since, until, stream } = flags;
  if (flags.boot) {
    if ([tail, since, until, stream].some((each) => each !== undefined) || flags.timestamps) {
      throw usage('cannot use "--boot" together with flags that choose lines: it has no times');
    }
    query.set("boot", "1");
    return query;
  }
  if (flags.follow) query.set("follow", "1");
  if (tail !== undefined && !["all", "-1"].includes(tail)) {
    query.set("tail", String(count("--tail", tail, 0, Number.MAX_SAFE_INTEGER)));
  }
  if (since !== undefined) query.set("sinceNs", `${parseTimeNs("--since", since, nowMs)}`);
  if (until !== undefined) query.set("untilNs", `${parseTimeNs("--until", until, nowMs)}`);
  if (stream !== undefined) query.set("stream", stream === "stderr" ? "2" : "1");
  return query;
}

async function printPieces(body: AsyncIterable<Uint8Array>, timestamps: boolean): Promise<void> {
  const lineBegins = [true, true, true];
  for await (const received of readFrames(readable(body), new Uint8Array(0))) {
    if (received.kind !== "frame" || received.type !== Frame.log) continue;
    const view = new DataView(received.payload.buffer, received.payload.byteOffset);
    const stream = view.getUint8(8) === 2 ? 2 : 1;
    let bytes: Uint8Array = received.payload.subarray(PIECE_HEADER);
    if (timestamps) {
      const begins = lineBegins[stream]!;
      lineBegins[stream] = bytes.at(-1) === 0x0a;
      bytes = stamped(bytes, `${isoNs(view.getBigUint64(0))} `, begins);
    }
    await writeOutput(stream === 2 ? Deno.stderr : Deno.stdout, bytes);
  }
}

/** Puts `stamp` before every line that begins in `bytes`. */
function stamped(bytes: Uint8Array, stamp: string, begins: boolean): Uint8Array {
  const prefix = new TextEncoder().encode(stamp);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const newline = bytes.indexOf(0x0a, at);
    const end = newline < 0 ? bytes.length : newline + 1;
    if (begins) parts.push(prefix);
    parts.push(bytes.subarray(at, end));
    begins = true;
    at = end;
  }
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** RFC 3339 with nanoseconds, as docker prints it. */
function isoNs(ns: bigint): string {
  const seconds = new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(ns % 1_000_000_000n).padStart(9, "0")}Z`;
}

/** A body as something with `read`. */
function readable(
  body: AsyncIterable<Uint8Array>,
): { read(into: Uint8Array): Promise<number | null> } {
  const pieces = body[Symbol.asyncIterator]();
  let piece = new Uint8Array(0) as Uint8Array;
  return {
    async read(into) {
      while (piece.length === 0) {
        const next = await pieces.next();
        if (next.done) return null;
        piece = next.value;
      }
      const count = Math.min(into.length, piece.length);
      into.set(piece.subarray(0, count));
      piece = piece.subarray(count);
      return count;
    },
  };
}
