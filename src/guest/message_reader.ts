import { CtrError } from "../core/mod.ts";

const PREFIX = 5;

/** Puts gRPC messages together from the pieces of DATA frames. Each byte is copied once. */
export class MessageReader {
  readonly #limit: number;
  readonly #deliver: (message: Uint8Array) => void;
  readonly #prefix = new Uint8Array(PREFIX);
  #prefixFilled = 0;
  #message: Uint8Array | undefined;
  #filled = 0;

  constructor(limit: number, deliver: (message: Uint8Array) => void) {
    this.#limit = limit;
    this.#deliver = deliver;
  }

  /** @throws {CtrError} `bad-data` if a message is compressed or larger than the limit. */
  push(piece: Uint8Array): void {
    let at = 0;
    while (at < piece.length) {
      if (!this.#message) {
        const n = Math.min(PREFIX - this.#prefixFilled, piece.length - at);
        this.#prefix.set(piece.subarray(at, at + n), this.#prefixFilled);
        this.#prefixFilled += n;
        at += n;
        if (this.#prefixFilled < PREFIX) return;
        this.#begin();
      } else {
        const n = Math.min(this.#message.length - this.#filled, piece.length - at);
        this.#message.set(piece.subarray(at, at + n), this.#filled);
        this.#filled += n;
        at += n;
      }
      if (this.#message && this.#filled === this.#message.length) this.#end(this.#message);
    }
  }

  #begin(): void {
    const length = new DataView(this.#prefix.buffer).getUint32(1);
    if (this.#prefix[0] !== 0 || length > this.#limit) {
      throw new CtrError(
        "bad-data",
        `cannot read the guest's answer: a message of ${length} bytes, more than ${this.#limit}`,
      );
    }
    this.#message = new Uint8Array(length);
    this.#filled = 0;
  }

  #end(message: Uint8Array): void {
    this.#message = undefined;
    this.#prefixFilled = 0;
    this.#deliver(message);
  }
}
