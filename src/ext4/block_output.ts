/**
 * Where blocks go: in order through one large buffer, so that the host sees few, large, sequential writes.
 * Parts that are skipped are never written and stay holes of the file.
 */
import { BLOCK_SIZE } from "./layout.ts";

/** The part of an open file that the writer needs. */
export interface OutputFile {
  writeSync(bytes: Uint8Array): number;
  seekSync(offset: number, whence: Deno.SeekMode): number;
  truncateSync(length?: number): void;
}

const BUFFER = 1 << 21;
/** From here on a piece is handed to the host without a copy. */
const DIRECT = 1 << 18;

export class BlockOutput {
  readonly #file: OutputFile;
  readonly #buffer = new Uint8Array(BUFFER);
  /** Bytes in the buffer, and the offset in the file of the first. */
  #length = 0;
  #offset = 0;
  /** Where the file's own position is. */
  #filePosition = -1;

  constructor(file: OutputFile) {
    this.#file = file;
  }

  /** The block that is written next. Meaningful between whole blocks. */
  get block(): number {
    return (this.#offset + this.#length) / BLOCK_SIZE;
  }

  /** Writes `bytes` after what came before. */
  append(bytes: Uint8Array): void {
    if (bytes.length >= DIRECT) {
      this.flush();
      this.#writeAt(this.#offset, bytes);
      this.#offset += bytes.length;
      return;
    }
    let at = 0;
    while (this.#length + bytes.length - at > BUFFER) {
      const take = BUFFER - this.#length;
      this.#buffer.set(bytes.subarray(at, at + take), this.#length);
      this.#length = BUFFER;
      at += take;
      this.flush();
    }
    this.#buffer.set(at === 0 ? bytes : bytes.subarray(at), this.#length);
    this.#length += bytes.length - at;
  }

  /** A zeroed part of the buffer to be filled in place, which counts as written. At most 64 blocks. */
  take(blocks: number): Uint8Array {
    const size = blocks * BLOCK_SIZE;
    if (this.#length + size > BUFFER) this.flush();
    const part = this.#buffer.subarray(this.#length, this.#length + size);
    part.fill(0);
    this.#length += size;
    return part;
  }

  /** Fills the current block with zeros. */
  pad(): void {
    const rest = this.#length % BLOCK_SIZE;
    if (rest === 0) return;
    this.#buffer.fill(0, this.#length, this.#length + BLOCK_SIZE - rest);
    this.#length += BLOCK_SIZE - rest;
  }

  /** Goes on at `block`, leaving a hole. */
  skipTo(block: number): void {
    if (block === this.block) return;
    this.flush();
    this.#offset = block * BLOCK_SIZE;
  }

  flush(): void {
    if (this.#length === 0) return;
    this.#writeAt(this.#offset, this.#buffer.subarray(0, this.#length));
    this.#offset += this.#length;
    this.#length = 0;
  }

  /** Flushes and sets the file's length. */
  finish(blocks: number): void {
    this.flush();
    this.#file.truncateSync(blocks * BLOCK_SIZE);
  }

  #writeAt(offset: number, bytes: Uint8Array): void {
    if (this.#filePosition !== offset) this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let at = 0; at < bytes.length;) {
      at += this.#file.writeSync(at === 0 ? bytes : bytes.subarray(at));
    }
    this.#filePosition = offset + bytes.length;
  }
}
