import type { Socket } from "node:net";
import { encodeFrame, Frame, FRAME_HEADER } from "../api/mod.ts";
import type { OutputSink } from "../container/mod.ts";

const HEAD = FRAME_HEADER + 8;
/** Up to this size, header and data go out as one buffer. */
const COPIED = 16 * 1024;

/** Follows a process's output and sends it to a client as frames. */
export class SocketSink implements OutputSink {
  readonly #socket: Socket;
  readonly closed: Promise<void>;
  #closed = false;
  #flushed = 0;
  #pending = 0;
  #drain: PromiseWithResolvers<void> | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) =>
      socket.once("close", () => {
        this.#closed = true;
        this.#drain?.resolve();
        this.#idle?.resolve();
        resolve();
      })
    );
    socket.on("drain", () => {
      this.#drain?.resolve();
      this.#drain = undefined;
    });
  }

  write(
    piece: { readonly stream: 1 | 2; readonly offset: number; readonly data: Uint8Array },
  ): Promise<void> | undefined {
    if (this.#closed) return undefined;
    const { stream, offset, data } = piece;
    const copied = data.length <= COPIED;
    const head = new Uint8Array(copied ? HEAD + data.length : HEAD);
    const view = new DataView(head.buffer);
    view.setUint8(0, stream === 1 ? Frame.stdout : Frame.stderr);
    view.setUint32(1, 8 + data.length);
    view.setBigUint64(FRAME_HEADER, BigInt(offset));
    this.#pending++;
    const done = () => this.#sent(offset + data.length);
    if (copied) {
      head.set(data, HEAD);
      return this.#socket.write(head, done) ? undefined : this.#drained();
    }
    this.#socket.write(head);
    return this.#socket.write(data, done) ? undefined : this.#drained();
  }

  /** Sends a frame that is not output. */
  send(type: number, payload: Uint8Array | object): void {
    const bytes = payload instanceof Uint8Array
      ? payload
      : new TextEncoder().encode(JSON.stringify(payload));
    if (!this.#closed) this.#socket.write(encodeFrame(type, bytes));
  }

  sendNumber(type: number, value: number): void {
    const payload = new Uint8Array(8);
    new DataView(payload.buffer).setBigUint64(0, BigInt(value));
    this.send(type, payload);
  }

  flushed(): number {
    return this.#closed ? Infinity : this.#flushed;
  }

  drained(): Promise<void> {
    if (this.#pending === 0 || this.#closed) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  #drained(): Promise<void> {
    this.#drain ??= Promise.withResolvers();
    return this.#drain.promise;
  }

  #sent(offset: number): void {
    this.#flushed = offset;
    if (--this.#pending > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}
