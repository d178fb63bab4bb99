/** Group descriptors and the bitmaps that they lead to: what is in use, according to the disk. */
import { crc32c, crc32cWord } from "./crc32c.ts";
import { badImage, type Image } from "./image.ts";
import {
  BLOCK_SIZE,
  BLOCK_UNINIT,
  BLOCKS_PER_GROUP,
  DESCRIPTOR_SIZE,
  INODE_UNINIT,
} from "./layout.ts";
import { SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE } from "./superblock.ts";

type Say = (problem: string) => void;
/** Blocks from, up to. */
export type BlockRun = readonly [start: number, end: number];
const MAX_ORPHANS = 1 << 20;

export interface GroupTable {
  readonly count: number;
  readonly freeBlocks: number;
  readonly freeInodes: number;
  /** Of all checksums but the superblock's. */
  readonly seed: number;
  /** Inodes that were removed while they were open when the guest ended. */
  readonly orphans: ReadonlySet<number>;
  /** Descriptors whose checksum is wrong. */
  readonly problems: readonly string[];
  blocksIn(group: number): number;
  /** Superblock, descriptors, bitmaps and inode tables. */
  metadata(): Generator<BlockRun>;
  usedInodes(say: Say): Generator<number>;
  /** A bit per block; undefined if it was never written: all but the group's own tables is free. */
  blockBitmap(group: number, say: Say): Uint8Array | undefined;
}

/** @throws {CtrError} `bad-data` for disks that no writer of ctr or its guests makes. */
export function readGroups(image: Image): GroupTable {
  return new Groups(image);
}

class Groups implements GroupTable {
  readonly count: number;
  readonly seed: number;
  readonly orphans: ReadonlySet<number>;
  readonly problems: string[] = [];
  freeBlocks = 0;
  freeInodes = 0;
  readonly #image: Image;
  readonly #bytes: Uint8Array;
  readonly #v: DataView;
  readonly #tableBlocks: number;

  constructor(image: Image) {
    const { blocks, blocksPerGroup, inodesPerGroup, inodeSize, descriptorSize } = image.superblock;
    if (descriptorSize !== DESCRIPTOR_SIZE || blocksPerGroup !== BLOCKS_PER_GROUP) {
      throw badImage("its groups are not as ctr makes them");
    }
    this.#image = image;
    this.count = Math.ceil(blocks / BLOCKS_PER_GROUP);
    this.#tableBlocks = Math.ceil(inodesPerGroup * inodeSize / BLOCK_SIZE);
    this.#bytes = new Uint8Array(this.count * DESCRIPTOR_SIZE);
    this.#image.readAt(BLOCK_SIZE, this.#bytes);
    this.#v = new DataView(this.#bytes.buffer);
    const superblock = new Uint8Array(SUPERBLOCK_SIZE);
    image.readAt(SUPERBLOCK_OFFSET, superblock);
    const s = new DataView(superblock.buffer);
    this.seed = (s.getUint32(0x60, true) & 0x2000) !== 0
      ? s.getUint32(0x270, true) | 0
      : crc32c(-1, superblock, 0x68, 0x78);
    this.orphans = this.#readOrphans(s.getUint32(0xe8, true));
    for (let group = 0; group < this.count; group++) {
      this.freeBlocks += this.#wide(group, 0x0c, 0x2c);
      this.freeInodes += this.#wide(group, 0x0e, 0x2e);
      if (!this.#descriptorHolds(group)) {
        this.problems.push(`group ${group}: its descriptor's checksum is wrong`);
      }
    }
  }

  blocksIn(group: number): number {
    return Math.min(BLOCKS_PER_GROUP, this.#image.superblock.blocks - group * BLOCKS_PER_GROUP);
  }

  *metadata(): Generator<BlockRun> {
    yield [0, 1 + Math.ceil(this.#bytes.length / BLOCK_SIZE)];
    for (let group = 0; group < this.count; group++) {
      for (const [at, blocks] of [[0x00, 1], [0x04, 1], [0x08, this.#tableBlocks]] as const) {
        const start = this.#block(group, at);
        this.#image.checkBlocks(start, blocks);
        yield [start, start + blocks];
      }
    }
  }

  *usedInodes(say: Say): Generator<number> {
    const { inodesPerGroup } = this.#image.superblock;
    for (let group = 0; group < this.count; group++) {
      if (this.#flags(group) & INODE_UNINIT) continue;
      const bitmap = this.#image.readBlock(this.#block(group, 0x04));
      const crc = crc32c(this.seed, bitmap, 0, inodesPerGroup / 8) >>> 0;
      if (crc !== this.#wide(group, 0x1a, 0x3a)) {
        say(`group ${group}: the checksum of its inode bitmap is wrong`);
      }
      let used = 0;
      for (let i = 0; i < inodesPerGroup; i++) {
        if ((bitmap[i >> 3]! & 1 << (i & 7)) === 0) continue;
        used++;
        yield group * inodesPerGroup + i + 1;
      }
      if (inodesPerGroup - used !== this.#wide(group, 0x0e, 0x2e)) {
        say(`group ${group}: its count of free inodes is wrong`);
      }
    }
  }

  blockBitmap(group: number, say: Say): Uint8Array | undefined {
    if (this.#flags(group) & BLOCK_UNINIT) return undefined;
    const bitmap = this.#image.readBlock(this.#block(group, 0x00));
    if ((crc32c(this.seed, bitmap) >>> 0) !== this.#wide(group, 0x18, 0x38)) {
      say(`group ${group}: the checksum of its block bitmap is wrong`);
    }
    let free = 0;
    const bits = this.blocksIn(group);
    for (let i = 0; i < bits; i++) if ((bitmap[i >> 3]! & 1 << (i & 7)) === 0) free++;
    if (free !== this.#wide(group, 0x0c, 0x2c)) {
      say(`group ${group}: its count of free blocks is wrong`);
    }
    return bitmap;
  }

  #readOrphans(first: number): Set<number> {
    const orphans = new Set<number>();
    for (let inode = first; inode !== 0 && orphans.size < MAX_ORPHANS;) {
      if (orphans.has(inode)) throw badImage("its list of orphans has no end");
      orphans.add(inode);
      const raw = this.#image.readInode(inode);
      inode = new DataView(raw.buffer, raw.byteOffset).getUint32(0x14, true);
    }
    return orphans;
  }

  #descriptorHolds(group: number): boolean {
    const bytes = this.#bytes.slice(group * DESCRIPTOR_SIZE, (group + 1) * DESCRIPTOR_SIZE);
    const v = new DataView(bytes.buffer);
    const stored = v.getUint16(0x1e, true);
    v.setUint16(0x1e, 0, true);
    return (crc32c(crc32cWord(this.seed, group), bytes) & 0xffff) === stored;
  }

  #flags(group: number): number {
    return this.#v.getUint16(group * DESCRIPTOR_SIZE + 0x12, true);
  }

  /** A number whose halves stand apart. */
  #wide(group: number, low: number, high: number): number {
    const at = group * DESCRIPTOR_SIZE;
    return this.#v.getUint16(at + low, true) + this.#v.getUint16(at + high, true) * 0x10000;
  }

  /** A block number; its upper half stands 32 bytes behind. */
  #block(group: number, at: number): number {
    const low = this.#v.getUint32(group * DESCRIPTOR_SIZE + at, true);
    return low + this.#v.getUint32(group * DESCRIPTOR_SIZE + at + 0x20, true) * 0x1_0000_0000;
  }
}
