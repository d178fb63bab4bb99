import { Frame } from "../api/wire/mod.ts";
import type { Uplink } from "./attach_link.ts";
import type { DetachKeys } from "./detach_keys.ts";

/** Input that the guest has not taken yet; it is kept for the case that the engine is lost. */
const WINDOW = 1024 * 1024;

interface Piece {
  readonly offset: bigint;
  readonly bytes: Uint8Array;
}

/** Carries standard input to the process: each byte once, however often the engine is lost. */
export class Input {
  readonly #uplink: Uplink;
  readonly #keys: DetachKeys | undefined;
  #pieces: Piece[] = [];
  #sent = 0n;
  #taken = 0n;
  #ended = false;
  #room = Promise.withResolvers<void>();
  /** Resolves when it is known where our input begins. */
  readonly #base = Promise.withResolvers<void>();
  #joining: boolean;

  /** @param joining Others gave input to the process before us: ours goes on where theirs ended. */
  constructor(uplink: Uplink, keys: DetachKeys | undefined, joining: boolean) {
    this.#uplink = uplink;
    this.#keys = keys;
    this.#joining = joining;
    if (!joining) this.#base.resolve();
  }

  /**
   * Reads until the end of input.
   *
   * @returns True when the detach keys were typed.
   */
  async pump(stdin: { read(buffer: Uint8Array): Promise<number | null> }): Promise<boolean> {
    await this.#base.promise;
    for (;;) {
      while (this.#sent - this.#taken >= BigInt(WINDOW)) await this.#room.promise;
      const buffer = new Uint8Array(64 * 1024);
      const count = await stdin.read(buffer).catch(() => null); // a terminal that went away
      if (count === null) break;
      const typed = buffer.subarray(0, count);
      const { bytes, detach } = this.#keys?.push(typed) ?? { bytes: typed, detach: false };
      if (bytes.length > 0) await this.#send(bytes);
      if (detach) return true;
    }
    this.#ended = true;
    await this.#uplink.send(Frame.stdinEnd);
    return false;
  }

  /** The guest has the bytes below `offset`. */
  taken(offset: bigint): void {
    if (this.#joining) {
      this.#joining = false;
      this.#sent = this.#taken = offset;
      this.#base.resolve();
    }
    if (offset <= this.#taken) return;
    this.#taken = offset;
    this.#pieces = this.#pieces.filter((piece) =>
      piece.offset + BigInt(piece.bytes.length) > offset
    );
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  /** Sends what may not have arrived, over a new connection. The guest skips what it has. */
  again(): void {
    for (const piece of this.#pieces) this.#uplink.send(Frame.stdin, stdinPayload(piece));
    if (this.#ended) this.#uplink.send(Frame.stdinEnd);
  }

  async #send(bytes: Uint8Array): Promise<void> {
    const piece = { offset: this.#sent, bytes };
    this.#sent += BigInt(bytes.length);
    this.#pieces.push(piece);
    await this.#uplink.send(Frame.stdin, stdinPayload(piece));
  }
}

function stdinPayload({ offset, bytes }: Piece): Uint8Array {
  const payload = new Uint8Array(8 + bytes.length);
  new DataView(payload.buffer).setBigUint64(0, offset);
  payload.set(bytes, 8);
  return payload;
}
