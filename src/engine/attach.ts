import type { Socket } from "node:net";
import { Frame, FrameDecoder, type ReceivedFrame, type Started } from "../api/mod.ts";
import type { AttachedProcess, Container } from "../container/mod.ts";
import { CtrError, type Log } from "../core/mod.ts";
import { errorBody } from "./http_errors.ts";
import { SocketSink } from "./socket_sink.ts";

export interface AttachRequest {
  readonly process: string | undefined;
  readonly start: boolean;
  readonly stdin: boolean;
  readonly from: number | undefined;
  /** When the request came, Unix milliseconds. */
  readonly beganAt: number;
}

const ANSWER = "HTTP/1.1 101 Switching Protocols\r\n" +
  "Connection: Upgrade\r\nUpgrade: ctr-frames\r\n\r\n";

/** Above this much input that the guest has not taken, the client is not read. */
const INPUT_WINDOW = 1024 * 1024;

/** Reads the request from its query. @throws {CtrError} `usage`. */
export function readAttach(query: URLSearchParams, beganAt: number): AttachRequest {
  const from = query.get("from");
  if (from !== null && !(/^\d{1,16}$/.test(from) && Number.isSafeInteger(Number(from)))) {
    throw new CtrError("usage", `cannot attach: from "${from}" is no offset`);
  }
  return {
    process: query.get("process") || undefined,
    start: query.get("start") === "1",
    stdin: query.get("stdin") === "1",
    from: from === null ? undefined : Number(from),
    beganAt,
  };
}

/**
 * Serves one attached client until its process has ended or it goes away.
 *
 * @param head What came behind the request.
 */
export async function serveAttach(
  container: Container,
  request: AttachRequest,
  socket: Socket,
  head: Uint8Array,
  log: Log,
): Promise<void> {
  socket.on("error", () => {}); // "close" follows
  socket.write(ANSWER);
  const sink = new SocketSink(socket);
  try {
    const { started, process } = await join(container, request);
    try {
      sink.send(Frame.started, started);
      if (request.stdin && process.input) sink.sendNumber(Frame.stdinTaken, process.input.taken);
      readClient(process, request.stdin, socket, sink, head);
      const exit = await process.follow(sink, request.from ?? (request.start ? 0 : undefined));
      if (exit) sink.send(Frame.exit, exit);
    } finally {
      process.begin();
    }
  } catch (error) {
    const body = errorBody(error);
    if (body.code === "internal") log.error("attach", { error: (error as Error).stack ?? error });
    sink.send(Frame.error, body);
  }
  socket.end();
}

async function join(
  container: Container,
  { start, process, beganAt }: AttachRequest,
): Promise<{ started: Started; process: AttachedProcess }> {
  if (start && process === undefined) return await container.startHeld(beganAt);
  const attached = await container.attach(process);
  return { started: { id: process ?? container.record.config.id, notices: [] }, process: attached };
}

/** Carries out what the client sends. A client that breaks the rules is cut off. */
function readClient(
  process: AttachedProcess,
  stdin: boolean,
  socket: Socket,
  sink: SocketSink,
  head: Uint8Array,
): void {
  const decoder = new FrameDecoder();
  const receive = (chunk: Uint8Array) => {
    try {
      for (const frame of decoder.push(chunk)) obey(process, stdin, frame);
    } catch (error) {
      sink.send(Frame.error, errorBody(error));
      socket.destroy();
      return;
    }
    if (stdin && process.input) handOn(process.input);
  };
  let told = 0;
  /** Tells the client how far its input went, and stops reading while too much waits. */
  const handOn = async (input: NonNullable<AttachedProcess["input"]>) => {
    if (input.queued > INPUT_WINDOW) socket.pause();
    await input.flush();
    socket.resume();
    if (input.taken <= told) return;
    told = input.taken;
    sink.sendNumber(Frame.stdinTaken, told);
  };
  if (head.length > 0) receive(head);
  socket.on("data", receive);
}

function obey(process: AttachedProcess, stdin: boolean, { type, payload }: ReceivedFrame): void {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const want = (size: number) => {
    if (payload.length >= size) return;
    throw new CtrError("bad-data", `read a frame of type ${type}: ${payload.length} bytes`);
  };
  switch (type) {
    case Frame.stdin:
      want(8);
      if (stdin) process.input?.write(Number(view.getBigUint64(0)), payload.subarray(8));
      break;
    case Frame.stdinEnd:
      if (stdin) process.input?.end();
      break;
    case Frame.resize:
      want(4);
      process.resize(view.getUint16(0), view.getUint16(2)).catch(() => {});
      break;
    case Frame.signal:
      process.signal(new TextDecoder().decode(payload)).catch(() => {});
      break;
    default:
      throw new CtrError("bad-data", `read a frame: type ${type} is none of ours`);
  }
}
