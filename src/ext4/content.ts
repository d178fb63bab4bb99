/**
 * A file's content on its way to the disk. Long runs of zeros become holes, so what expands to zeros costs
 * the host nothing; the runs are counted in blocks of the file, so the disk does not depend on how the
 * content was cut into pieces.
 */
import type { BlockOutput } from "./block_output.ts";
import { Runs, writeExtentTree } from "./extents.ts";
import type { InodeTable } from "./inode_table.ts";
import { BLOCK_SIZE } from "./layout.ts";

/** Fewer zeros than this are stored: an extent is not worth less. */
const HOLE_BLOCKS = 16;
const ZEROS = new Uint8Array(HOLE_BLOCKS * BLOCK_SIZE);

export class ContentWriter {
  #inode = 0;
  #left = 0;
  #small = true;
  #runs = new Runs();
  /** Block of the file that comes next, not counting `#zeros` and `#partial`. */
  #logical = 0;
  /** Blocks of zeros that are not yet a hole and not yet written. */
  #zeros = 0;
  #first = 0;
  readonly #partial = new Uint8Array(BLOCK_SIZE);
  #partialLength = 0;

  constructor(readonly inodes: InodeTable, readonly output: BlockOutput) {}

  /** Bytes of the current file that have not come yet. */
  get left(): number {
    return this.#left;
  }

  begin(inode: number, size: number): void {
    this.#inode = inode;
    this.#left = size;
    this.#small = size < HOLE_BLOCKS * BLOCK_SIZE;
    this.#first = this.output.block;
    if (this.#small) return;
    this.#runs = new Runs();
    this.#logical = this.#zeros = this.#partialLength = 0;
  }

  /** @param bytes At most {@linkcode left}. */
  write(bytes: Uint8Array): void {
    this.#left -= bytes.length;
    if (this.#small) {
      this.output.append(bytes);
    } else {
      this.#writeLarge(bytes);
    }
    if (this.#left === 0) this.#finish();
  }

  /** `length` zeros that need not be looked at. */
  hole(length: number): void {
    if (this.#small) {
      for (let rest = length; rest > 0; rest -= ZEROS.length) {
        this.output.append(ZEROS.subarray(0, Math.min(rest, ZEROS.length)));
      }
      this.#left -= length;
      if (this.#left === 0) this.#finish();
      return;
    }
    if (this.#partialLength > 0) {
      const head = Math.min(length, BLOCK_SIZE - this.#partialLength);
      this.write(ZEROS.subarray(0, head));
      length -= head;
    }
    const blocks = Math.floor(length / BLOCK_SIZE);
    if (blocks > 0) {
      this.#zeros += blocks;
      this.#left -= blocks * BLOCK_SIZE;
    }
    const tail = length % BLOCK_SIZE;
    if (tail > 0) this.write(ZEROS.subarray(0, tail));
    else if (length > 0 && this.#left === 0) this.#finish();
  }

  #writeLarge(bytes: Uint8Array): void {
    let at = 0;
    if (this.#partialLength > 0) {
      at = Math.min(BLOCK_SIZE - this.#partialLength, bytes.length);
      this.#partial.set(bytes.subarray(0, at), this.#partialLength);
      this.#partialLength += at;
      if (this.#partialLength < BLOCK_SIZE) return;
      this.#partialLength = 0;
      this.#blocks(this.#partial, 0, 1);
    }
    const blocks = Math.floor((bytes.length - at) / BLOCK_SIZE);
    if (blocks > 0) {
      this.#blocks(bytes, at, blocks);
      at += blocks * BLOCK_SIZE;
    }
    if (at < bytes.length) {
      this.#partial.set(bytes.subarray(at), 0);
      this.#partialLength = bytes.length - at;
    }
  }

  /** Whole blocks: those of zeros are counted, the others written in as few pieces as possible. */
  #blocks(bytes: Uint8Array, start: number, count: number): void {
    let from = 0;
    for (let i = 0; i < count; i++) {
      if (!isZero(bytes, start + i * BLOCK_SIZE)) continue;
      this.#emit(bytes, start + from * BLOCK_SIZE, i - from);
      this.#zeros++;
      from = i + 1;
    }
    this.#emit(bytes, start + from * BLOCK_SIZE, count - from);
  }

  #emit(bytes: Uint8Array, start: number, count: number): void {
    if (count === 0) return;
    this.#settleZeros();
    this.#runs.add(this.#logical, this.output.block, count);
    this.output.append(
      start === 0 && count * BLOCK_SIZE === bytes.length
        ? bytes
        : bytes.subarray(start, start + count * BLOCK_SIZE),
    );
    this.#logical += count;
  }

  #settleZeros(): void {
    if (this.#zeros === 0) return;
    if (this.#zeros < HOLE_BLOCKS) {
      this.#runs.add(this.#logical, this.output.block, this.#zeros);
      this.output.append(ZEROS.subarray(0, this.#zeros * BLOCK_SIZE));
    }
    this.#logical += this.#zeros;
    this.#zeros = 0;
  }

  #finish(): void {
    if (this.#small) {
      this.output.pad();
    } else {
      if (this.#partialLength > 0) {
        this.#partial.fill(0, this.#partialLength);
        this.#partialLength = 0;
        this.#blocks(this.#partial, 0, 1);
      }
      this.#settleZeros(); // zeros at the end are a hole by the file's size, or a few blocks
      if (!this.#runs.simple) this.#writeTree();
    }
    const blocks = this.output.block - this.#first;
    this.inodes.set(this.#inode, "firstBlock", blocks === 0 ? 0 : this.#first);
    this.inodes.set(this.#inode, "blocks", blocks);
  }

  #writeTree(): void {
    const { root } = writeExtentTree(this.#inode, this.#runs, this.output);
    this.inodes.roots.set(this.#inode, root);
  }
}

function isZero(bytes: Uint8Array, start: number): boolean {
  // Content is rarely zero at all of these places unless it is zero everywhere.
  if (bytes[start]! | bytes[start + 1367]! | bytes[start + 2733]! | bytes[start + 4095]!) {
    return false;
  }
  const offset = bytes.byteOffset + start;
  if (offset % 4 !== 0) {
    for (let i = start; i < start + BLOCK_SIZE; i++) if (bytes[i] !== 0) return false;
    return true;
  }
  const words = new Int32Array(bytes.buffer, offset, BLOCK_SIZE / 4);
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  return true;
}
