import type { Duplex } from "node:stream";
import { CtrError } from "../core/mod.ts";
import { Call, type CallOptions, STREAM_WINDOW } from "./call.ts";
import {
  FLAG,
  FRAME,
  type Frame,
  FrameReader,
  type FrameSink,
  HEADER_BYTES,
  MAX_IN_FRAME,
  MAX_OUT_FRAME,
  SETTING,
  settingsFrame,
  wordsFrame,
  writeFrameHeader,
} from "./frames.ts";
import { requestHeaders, responseHeaders } from "./headers.ts";

const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const INITIAL_WINDOW = 65_535;
/** All answers together. What nobody takes stops its own stream, not the others'. */
const CONNECTION_WINDOW = 2 ** 30;
const CANCEL = 8;
/** An idle guest is asked whether it lives, and given up when it does not say so. */
const PING_MS = 20_000;
const SILENCE_MS = 90_000;

/** One gRPC connection to a guest, over any byte stream. */
export class Connection implements FrameSink {
  readonly #duplex: Duplex;
  readonly #reader = new FrameReader(this);
  readonly #calls = new Map<number, Call>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #pinging: ReturnType<typeof setInterval>;
  #end: Error | undefined;
  #nextStream = 1;
  #received = 0;
  #heardAt = performance.now();
  /** What we may still send: on the connection, and on a new stream. */
  #window = INITIAL_WINDOW;
  #initialWindow = INITIAL_WINDOW;
  #waitingForWindow: (() => void)[] = [];
  #block: { stream: number; flags: number; parts: Uint8Array[]; bytes: number } | undefined;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
    const ended = () =>
      this.#finish(new CtrError("unavailable", "the connection to the guest has ended"));
    duplex.on("data", (chunk: Uint8Array) => this.#take(chunk));
    duplex.on("close", ended).on("end", ended).on("error", (cause: Error) => {
      this.#finish(
        new CtrError("unavailable", "the connection to the guest has broken", { cause }),
      );
    });
    duplex.resume(); // it may have been paused between the preamble and us
    this.#write(PREFACE);
    this.#write(settingsFrame([
      [SETTING.headerTableSize, 0],
      [SETTING.push, 0],
      [SETTING.initialWindow, STREAM_WINDOW],
      [SETTING.maxFrame, MAX_IN_FRAME],
    ]));
    this.#write(wordsFrame({ type: FRAME.windowUpdate }, CONNECTION_WINDOW - INITIAL_WINDOW));
    this.#pinging = setInterval(() => this.#ping(), PING_MS);
    Deno.unrefTimer(this.#pinging as unknown as number);
  }

  /** Resolves when the connection is gone, whoever closed it. Never rejects. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  close(): void {
    this.#finish(new CtrError("unavailable", "the connection to the guest was closed"));
  }

  /** Begins a call whose request is one message. */
  async call(path: string, request: Uint8Array, options: CallOptions): Promise<Call> {
    if (this.#end) throw this.#end;
    await this.#windowFor(request.length + 5);
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const call = new Call(this, stream, options);
    this.#calls.set(stream, call);
    this.#write(requestFrames(stream, path, request));
    return call;
  }

  /** Ends a call's stream on our side; the guest stops its answer. */
  cancel(stream: number): void {
    if (this.#calls.delete(stream) && !this.#end) {
      this.#write(wordsFrame({ type: FRAME.reset, stream }, CANCEL));
    }
  }

  /** Lets the guest send more of one answer. */
  grant(stream: number, bytes: number): void {
    if (!this.#end && this.#calls.has(stream)) {
      this.#write(wordsFrame({ type: FRAME.windowUpdate, stream }, bytes));
    }
  }

  /** FrameSink: a piece of an answer. */
  data(stream: number, piece: Uint8Array, last: boolean, flags: number, length: number): void {
    this.#calls.get(stream)?.receive(piece);
    if (!last) return;
    this.#received += length;
    if (this.#received >= CONNECTION_WINDOW / 4) {
      this.#write(wordsFrame({ type: FRAME.windowUpdate }, this.#received));
      this.#received = 0;
    }
    if (flags & FLAG.endStream) this.#endCall(stream, new Map());
  }

  /** FrameSink: everything else. */
  frame(frame: Frame): void {
    const { type, flags, stream, payload } = frame;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    const word = () => payload.length >= 4 ? view.getUint32(0) : 0;
    if (type === FRAME.headers || type === FRAME.continuation) this.#takeHeaders(frame);
    else if (type === FRAME.settings && !(flags & FLAG.ack)) this.#takeSettings(view);
    else if (type === FRAME.ping && !(flags & FLAG.ack) && payload.length === 8) {
      const words = [view.getUint32(0), view.getUint32(4)];
      this.#write(wordsFrame({ type: FRAME.ping, flags: FLAG.ack }, ...words));
    } else if (type === FRAME.windowUpdate && stream === 0) this.#grow(word() & 0x7fff_ffff);
    else if (type === FRAME.reset) {
      this.#calls.get(stream)?.fail(new CtrError("cancelled", "the guest gave the call up"));
      this.#calls.delete(stream);
    } else if (type === FRAME.goAway) {
      throw new CtrError("unavailable", "the guest does not understand this ctr");
    }
  }

  #takeHeaders({ type, flags, stream, payload }: Frame): void {
    if (type === FRAME.headers) this.#block = { stream, flags, parts: [], bytes: 0 };
    const block = this.#block;
    if (!block || block.stream !== stream || (block.bytes += payload.length) > 65_536) {
      throw new CtrError("bad-data", "cannot read the guest's answer: its headers make no sense");
    }
    block.parts.push(payload);
    if (!(flags & FLAG.endHeaders)) return;
    this.#block = undefined;
    const headers = responseHeaders(concat(block.parts));
    if (block.flags & FLAG.endStream) this.#endCall(stream, headers);
  }

  #endCall(stream: number, trailers: Map<string, string>): void {
    const call = this.#calls.get(stream);
    this.#calls.delete(stream);
    call?.end(trailers);
  }

  #takeSettings(view: DataView): void {
    for (let at = 0; at + 6 <= view.byteLength; at += 6) {
      if (view.getUint16(at) === SETTING.initialWindow) {
        this.#initialWindow = view.getUint32(at + 2);
      }
    }
    this.#write(wordsFrame({ type: FRAME.settings, flags: FLAG.ack }));
    this.#grow(0);
  }

  #grow(bytes: number): void {
    this.#window += bytes;
    const waiting = this.#waitingForWindow;
    this.#waitingForWindow = [];
    for (const wake of waiting) wake();
  }

  /** A request is sent as a whole, so it waits until the windows have room for all of it. */
  async #windowFor(bytes: number): Promise<void> {
    while (bytes > this.#window || bytes > this.#initialWindow) {
      await new Promise<void>((resolve) => this.#waitingForWindow.push(resolve));
      if (this.#end) throw this.#end;
    }
    this.#window -= bytes;
  }

  #take(chunk: Uint8Array): void {
    this.#heardAt = performance.now();
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#finish(error as Error);
    }
  }

  #ping(): void {
    if (performance.now() - this.#heardAt > SILENCE_MS) {
      this.#finish(
        new CtrError("unavailable", `the guest has said nothing for ${SILENCE_MS / 1000}s`),
      );
    } else this.#write(wordsFrame({ type: FRAME.ping }, 0, 0));
  }

  #write(bytes: Uint8Array): void {
    if (!this.#end) this.#duplex.write(bytes);
  }

  #finish(why: Error): void {
    if (this.#end) return;
    this.#end = why;
    clearInterval(this.#pinging);
    this.#duplex.destroy();
    for (const call of this.#calls.values()) call.fail(why);
    this.#calls.clear();
    this.#grow(0);
    this.#closed.resolve();
  }
}

/** HEADERS, and DATA in frames as large as every server accepts, for one write. */
function requestFrames(stream: number, path: string, request: Uint8Array): Uint8Array {
  const headers = requestHeaders(path);
  const message = new Uint8Array(5 + request.length);
  new DataView(message.buffer).setUint32(1, request.length);
  message.set(request, 5);
  const frames = Math.ceil(message.length / MAX_OUT_FRAME);
  const out = new Uint8Array(HEADER_BYTES * (1 + frames) + headers.length + message.length);
  const view = new DataView(out.buffer);
  writeFrameHeader(view, 0, headers.length, {
    type: FRAME.headers,
    flags: FLAG.endHeaders,
    stream,
  });
  out.set(headers, HEADER_BYTES);
  let at = HEADER_BYTES + headers.length;
  for (let from = 0; from < message.length; from += MAX_OUT_FRAME) {
    const piece = message.subarray(from, from + MAX_OUT_FRAME);
    const flags = from + piece.length === message.length ? FLAG.endStream : 0;
    writeFrameHeader(view, at, piece.length, { type: FRAME.data, flags, stream });
    out.set(piece, at + HEADER_BYTES);
    at += HEADER_BYTES + piece.length;
  }
  return out;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
