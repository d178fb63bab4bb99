/**
 * Directory blocks: one plain block while the entries fit it, else a tree ordered by hash, which the kernel
 * searches in two or three reads however many names there are.
 *
 * ```text
 * entry: inode u32, length u16, name length u8, type u8, name, padding to 4
 * tail:  0 u32, 12 u16, 0 u8, 0xde u8, checksum u32       (last 12 bytes of a plain block)
 * root:  ".", "..", 0 u32, hash version u8, 8 u8, levels u8, 0 u8, then limit u16, count u16, block u32, …
 * node:  an empty entry of 4096 bytes, then limit u16, count u16, block u32, {hash u32, block u32} …
 * ```
 */
import { CtrError } from "../core/mod.ts";
import type { BlockOutput } from "./block_output.ts";
import { crc32c, crc32cWord, crc32cZeros } from "./crc32c.ts";
import { directoryHash } from "./directory_hash.ts";
import type { InodeTable } from "./inode_table.ts";
import { BLOCK_SIZE, CHECKSUM_SEED, ENTRY_TYPES, INDEX_FLAG, TYPE_MASK } from "./layout.ts";
import type { NameTable } from "./name_table.ts";

const TAIL = 12;
const ROOM = BLOCK_SIZE - TAIL;
const DOTS = 24;
const HALF_MD4 = 1;
const ROOT_LIMIT = (BLOCK_SIZE - 32) / 8 - 1; // the last place holds the checksum
const NODE_LIMIT = (BLOCK_SIZE - 8) / 8 - 1;

export class DirectoryWriter {
  // Reused from directory to directory: entries, their hashes, and their order.
  #entries: number[] = [];

  constructor(
    readonly names: NameTable,
    readonly inodes: InodeTable,
    readonly output: BlockOutput,
    readonly hashSeed: Int32Array,
  ) {}

  /** Writes the blocks of directory `inode` and notes them in its inode. */
  write(inode: number, parent: number): void {
    const entries = this.#entries;
    entries.length = 0;
    let size = DOTS;
    for (let e = this.inodes.get(inode, "firstChild"); e !== 0; e = this.names.nextSibling(e)) {
      if (this.names.inode(e) === 0) continue;
      entries.push(e);
      size += entrySize(this.names.nameLength(e));
    }
    const first = this.output.block;
    if (size <= ROOM) this.#writePlain(inode, parent);
    else this.#writeIndexed(inode, parent);
    const blocks = this.output.block - first;
    this.inodes.set(inode, "firstBlock", first);
    this.inodes.set(inode, "blocks", blocks);
    this.inodes.setNumber(inode, "size", blocks * BLOCK_SIZE);
  }

  #writePlain(inode: number, parent: number): void {
    const block = this.output.take(1);
    const w = wordsOf(block);
    putDots(w, inode, parent, 12);
    this.#putLeaf(inode, block, DOTS, this.#entries, 0, this.#entries.length, 12);
  }

  /**
   * Puts entries `[from, to)` from `at` on, the last one reaching to the tail, and the checksum.
   *
   * @param last Where the entry before `at` starts, which grows if there are no entries.
   */
  #putLeaf(
    inode: number,
    block: Uint8Array,
    at: number,
    entries: readonly number[],
    from: number,
    to: number,
    last: number,
  ): void {
    const w = wordsOf(block);
    for (let i = from; i < to; i++) {
      const entry = entries[i]!;
      const length = this.names.nameLength(entry);
      const child = this.names.inode(entry);
      const type = ENTRY_TYPES[this.inodes.get(child, "mode") & TYPE_MASK]!;
      w[at >> 2] = child;
      w[(at >> 2) + 1] = entrySize(length) | length << 16 | type << 24;
      const bytes = this.names.nameBytes(entry);
      const start = this.names.nameStart(entry);
      for (let k = 0; k < length; k++) block[at + 8 + k] = bytes[start + k]!;
      last = at;
      at += entrySize(length);
    }
    w[(last >> 2) + 1] = w[(last >> 2) + 1]! & 0xffff0000 | ROOM - last;
    w[ROOM >> 2] = 0;
    w[(ROOM >> 2) + 1] = TAIL | 0xde << 24;
    w[(ROOM >> 2) + 2] = crc32cZeros(crc32c(seedOf(inode), block, 0, at), ROOM - at);
  }

  #writeIndexed(inode: number, parent: number): void {
    const hashes = new Map<number, number>();
    for (const e of this.#entries) {
      hashes.set(
        e,
        directoryHash(
          this.hashSeed,
          this.names.nameBytes(e),
          this.names.nameStart(e),
          this.names.nameLength(e),
        ),
      );
    }
    // Entries with the same hash stay in the order they came in, so the bytes depend on the input alone.
    const sorted = this.#entries.slice().sort((a, b) => hashes.get(a)! - hashes.get(b)! || a - b);

    // Cut into leaves; a leaf that begins with the hash its predecessor ends with says so by the lowest bit.
    const starts: number[] = [0];
    const leafHashes: number[] = [0];
    let used = 0;
    sorted.forEach((e, i) => {
      const size = entrySize(this.names.nameLength(e));
      if (used + size > ROOM) {
        const hash = hashes.get(e)!;
        starts.push(i);
        leafHashes.push(hash === hashes.get(sorted[i - 1]!) ? hash + 1 : hash);
        used = 0;
      }
      used += size;
    });
    starts.push(sorted.length);

    const leaves = leafHashes.length;
    const nodes = leaves <= ROOT_LIMIT ? 0 : Math.ceil(leaves / NODE_LIMIT);
    if (nodes > ROOT_LIMIT) {
      throw new CtrError(
        "too-large",
        `write ext4: a directory of ${sorted.length} entries is too large`,
      );
    }
    const root = this.output.take(1);
    const w = wordsOf(root);
    putDots(w, inode, parent, BLOCK_SIZE - 12);
    w[7] = HALF_MD4 | 8 << 8 | (nodes > 0 ? 1 : 0) << 16;
    const top = nodes > 0 ? leafHashes.filter((_, i) => i % NODE_LIMIT === 0) : leafHashes;
    putIndex(inode, root, 32, ROOT_LIMIT, top, 1);
    for (let n = 0; n < nodes; n++) {
      const block = this.output.take(1);
      wordsOf(block)[1] = BLOCK_SIZE;
      const slice = leafHashes.slice(n * NODE_LIMIT, (n + 1) * NODE_LIMIT);
      putIndex(inode, block, 8, NODE_LIMIT, slice, 1 + nodes + n * NODE_LIMIT);
    }
    for (let i = 0; i < leaves; i++) {
      this.#putLeaf(inode, this.output.take(1), 0, sorted, starts[i]!, starts[i + 1]!, 0);
    }
    this.inodes.set(inode, "flags", INDEX_FLAG);
  }
}

/** `lost+found` and the like: blocks without an entry. */
export function putEmptyLeaf(inode: number, block: Uint8Array): void {
  const w = wordsOf(block);
  w[1] = ROOM;
  putTail(inode, block);
}

/** The first block of a directory that holds `entries`, few enough to fit it. */
export function putSmallDirectory(
  inode: number,
  parent: number,
  block: Uint8Array,
  entries: readonly { readonly inode: number; readonly name: string; readonly type: number }[],
): void {
  const w = wordsOf(block);
  putDots(w, inode, parent, entries.length === 0 ? ROOM - 12 : 12);
  let at = DOTS;
  entries.forEach((entry, i) => {
    const size = i === entries.length - 1 ? ROOM - at : entrySize(entry.name.length);
    w[at >> 2] = entry.inode;
    w[(at >> 2) + 1] = size | entry.name.length << 16 | entry.type << 24;
    for (let k = 0; k < entry.name.length; k++) block[at + 8 + k] = entry.name.charCodeAt(k);
    at += size;
  });
  putTail(inode, block);
}

function putTail(inode: number, block: Uint8Array): void {
  const w = wordsOf(block);
  w[(ROOM >> 2) + 1] = TAIL | 0xde << 24;
  w[(ROOM >> 2) + 2] = crc32c(seedOf(inode), block, 0, ROOM);
}

function putDots(w: Int32Array, inode: number, parent: number, rest: number): void {
  w[0] = inode;
  w[1] = 12 | 1 << 16 | 2 << 24;
  w[2] = 0x2e;
  w[3] = parent;
  w[4] = rest | 2 << 16 | 2 << 24;
  w[5] = 0x2e2e;
}

function putIndex(
  inode: number,
  block: Uint8Array,
  at: number,
  limit: number,
  hashes: readonly number[],
  firstBlock: number,
): void {
  const w = wordsOf(block);
  const start = at >> 2;
  w[start] = limit | hashes.length << 16; // where the first hash, which is 0, would stand
  w[start + 1] = firstBlock;
  for (let i = 1; i < hashes.length; i++) {
    w[start + 2 * i] = hashes[i]!;
    w[start + 2 * i + 1] = firstBlock + i;
  }
  const crc = crc32c(seedOf(inode), block, 0, at + 8 * hashes.length);
  w[start + 2 * limit + 1] = crc32cZeros(crc, 8); // the tail: a reserved word and the checksum itself
}

function seedOf(inode: number): number {
  return crc32cWord(crc32cWord(CHECKSUM_SEED, inode), 0);
}

function wordsOf(block: Uint8Array): Int32Array {
  return new Int32Array(block.buffer, block.byteOffset, BLOCK_SIZE / 4);
}

function entrySize(nameLength: number): number {
  return (nameLength + 11) & ~3;
}
