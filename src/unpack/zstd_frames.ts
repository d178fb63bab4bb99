/**
 * Finds where zstd frames end. Layers may be many frames with skippable ones between (zstd:chunked), and the
 * decoder of `node:zlib` stops after the first; it also takes a frame without its end for a whole one.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc8878 sections 3.1.1 and 3.1.2
 */
import { CtrError } from "../core/mod.ts";

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50; // and fifteen more
const DICTIONARY_BYTES = [0, 1, 2, 4];
const SIZE_BYTES = [0, 2, 4, 8];

type Field = "magic" | "skip-size" | "descriptor" | "block" | "end";

/** A piece of a frame. `ends` marks the last one. */
export interface FramePiece {
  readonly bytes: Uint8Array;
  readonly ends: boolean;
}

export class ZstdFrames {
  /** The field that is being read, or comes after what is passed over. */
  #field: Field = "magic";
  #got = 0;
  #value = 0;
  #pass = 0;
  #skipping = false;
  #checksum = false;

  /** True between two frames. */
  get whole(): boolean {
    return this.#field === "magic" && this.#got === 0 && this.#pass === 0;
  }

  /** Cuts `chunk` into pieces of frames; skippable frames are dropped. */
  *cut(chunk: Uint8Array): Generator<FramePiece> {
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#pass > 0) {
        const take = Math.min(this.#pass, chunk.length - at);
        this.#pass -= take;
        at += take;
      } else {
        this.#value += chunk[at]! * 2 ** (8 * this.#got++);
        at++;
        if (this.#got === WIDTHS[this.#field]) this.#take();
      }
      if (this.#pass > 0) continue;
      if (this.#field === "end") {
        yield { bytes: chunk.subarray(start, at), ends: true };
        this.#expect("magic");
        start = at;
      } else if (this.#skipping && this.#field === "magic" && this.#got === 0) {
        this.#skipping = false;
        start = at;
      }
    }
    if (!this.#skipping && start < at) yield { bytes: chunk.subarray(start, at), ends: false };
  }

  #expect(field: Field, pass = 0): void {
    this.#field = field;
    this.#got = this.#value = 0;
    this.#pass = pass;
  }

  #take(): void {
    const value = this.#value;
    switch (this.#field) {
      case "magic":
        if (value === MAGIC) return this.#expect("descriptor");
        if (value >= SKIPPABLE && value < SKIPPABLE + 16) {
          this.#skipping = true;
          return this.#expect("skip-size");
        }
        throw new CtrError("bad-data", "the zstd stream is damaged");
      case "skip-size":
        return this.#expect("magic", value);
      case "descriptor": {
        const single = (value & 0x20) !== 0;
        const size = SIZE_BYTES[value >> 6]! || (single ? 1 : 0);
        this.#checksum = (value & 4) !== 0;
        return this.#expect("block", (single ? 0 : 1) + DICTIONARY_BYTES[value & 3]! + size);
      }
      case "block": {
        const isRun = (value >> 1 & 3) === 1; // one byte, repeated
        const bytes = isRun ? 1 : value >> 3;
        if ((value & 1) === 0) return this.#expect("block", bytes);
        return this.#expect("end", bytes + (this.#checksum ? 4 : 0));
      }
    }
  }
}

const WIDTHS: Readonly<Record<Field, number>> = {
  "magic": 4,
  "skip-size": 4,
  "descriptor": 1,
  "block": 3,
  "end": 0,
};
