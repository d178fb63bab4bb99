/**
 * Reads the fixed parts of an ext4 file system: superblock, descriptors, inodes, blocks. Nothing that the
 * disk says is believed: every number is checked against the disk's own size before it is used.
 */
import { CtrError } from "../core/mod.ts";
import { BLOCK_SIZE } from "./layout.ts";
import { INCOMPATIBLE, MAGIC, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE } from "./superblock.ts";

/** The part of an open file that the reader needs. */
export interface InputFile {
  readSync(into: Uint8Array): number | null;
  seekSync(offset: number, whence: Deno.SeekMode): number;
}

export interface Superblock {
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly inodes: number;
  readonly freeInodes: number;
  readonly blocksPerGroup: number;
  readonly inodesPerGroup: number;
  readonly inodeSize: number;
  readonly descriptorSize: number;
  readonly uuid: Uint8Array;
  readonly label: string;
  readonly hasJournal: boolean;
  /** What the journal holds has not been put in its place: the disk was not unmounted. */
  readonly needsRecovery: boolean;
}

const KNOWN = INCOMPATIBLE.fileTypes | INCOMPATIBLE.extents | INCOMPATIBLE.bits64 |
  INCOMPATIBLE.flexGroups | INCOMPATIBLE.checksumSeed | INCOMPATIBLE.recover | 0x4000; // large directories
const MAX_GROUPS = 1 << 20; // 128 TiB
/**
 * A block of metadata belongs to one object, or, as one of inodes and attributes, to a few. A disk whose
 * directories share their blocks would otherwise be read for ever without a name being found.
 */
const READS_PER_OBJECT = 8;
const SPARE_READS = 1 << 20;

export class Image {
  readonly superblock: Superblock;
  readonly #file: InputFile;
  readonly #descriptors: DataView;
  // One block of inodes is kept: neighbours are read one after another.
  readonly #inodeBlock = new Uint8Array(BLOCK_SIZE);
  #inodeBlockNumber = -1;
  /** Blocks of metadata that may still be read. */
  #budget: number;

  constructor(file: InputFile) {
    this.#file = file;
    this.superblock = this.#readSuperblock();
    const { blocks, blocksPerGroup, descriptorSize } = this.superblock;
    const groups = Math.ceil(blocks / blocksPerGroup);
    if (groups > MAX_GROUPS) throw badImage("it claims too many groups");
    const table = new Uint8Array(groups * descriptorSize);
    this.readAt(BLOCK_SIZE, table);
    this.#descriptors = new DataView(table.buffer);
    this.#budget = READS_PER_OBJECT * (blocks + this.superblock.inodes) + SPARE_READS;
  }

  /** @throws {CtrError} `bad-data` if the file ends before. */
  readAt(offset: number, into: Uint8Array): void {
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    for (let at = 0; at < into.length;) {
      const n = this.#file.readSync(at === 0 ? into : into.subarray(at));
      if (n === null) throw badImage("it is cut off");
      at += n;
    }
  }

  readBlock(block: number, into: Uint8Array = new Uint8Array(BLOCK_SIZE)): Uint8Array {
    this.checkBlocks(block, 1);
    if (--this.#budget < 0) throw badImage("its blocks are used again and again");
    this.readAt(block * BLOCK_SIZE, into.subarray(0, BLOCK_SIZE));
    return into;
  }

  /** @throws {CtrError} `bad-data` if the blocks are not on the disk. */
  checkBlocks(first: number, count: number): void {
    if (first < 1 || first + count > this.superblock.blocks) {
      throw badImage("a block number is out of range");
    }
  }

  /** The raw inode, as a copy. */
  readInode(inode: number): Uint8Array {
    const { inodes, inodesPerGroup, inodeSize, descriptorSize } = this.superblock;
    if (inode < 1 || inode > inodes) throw badImage(`it has no inode ${inode}`);
    const group = Math.floor((inode - 1) / inodesPerGroup);
    const at = group * descriptorSize;
    if (at + descriptorSize > this.#descriptors.byteLength) {
      throw badImage(`it has no group ${group}`);
    }
    const high = descriptorSize >= 64 ? this.#descriptors.getUint32(at + 0x28, true) : 0;
    const table = this.#descriptors.getUint32(at + 8, true) + high * 0x1_0000_0000;
    const offset = (inode - 1) % inodesPerGroup * inodeSize;
    const block = table + Math.floor(offset / BLOCK_SIZE);
    if (block !== this.#inodeBlockNumber) {
      this.#inodeBlockNumber = -1;
      this.readBlock(block, this.#inodeBlock);
      this.#inodeBlockNumber = block;
    }
    return this.#inodeBlock.slice(offset % BLOCK_SIZE, offset % BLOCK_SIZE + inodeSize);
  }

  #readSuperblock(): Superblock {
    const bytes = new Uint8Array(SUPERBLOCK_SIZE);
    this.readAt(SUPERBLOCK_OFFSET, bytes);
    const v = new DataView(bytes.buffer);
    const u32 = (at: number) => v.getUint32(at, true);
    if (v.getUint16(0x38, true) !== MAGIC) throw badImage("it is not ext4");
    const incompatible = u32(0x60);
    if (u32(0x18) !== 2 || (incompatible & ~KNOWN) !== 0 || u32(0x14) !== 0) {
      throw new CtrError("unsupported", "read ext4: the disk uses features that ctr does not read");
    }
    const bits64 = (incompatible & INCOMPATIBLE.bits64) !== 0;
    const inodeSize = v.getUint16(0x58, true);
    const descriptorSize = bits64 ? v.getUint16(0xfe, true) : 32;
    const superblock: Superblock = {
      blocks: u32(4) + (bits64 ? u32(0x150) * 0x1_0000_0000 : 0),
      freeBlocks: u32(0xc) + (bits64 ? u32(0x158) * 0x1_0000_0000 : 0),
      inodes: u32(0),
      freeInodes: u32(0x10),
      blocksPerGroup: u32(0x20),
      inodesPerGroup: u32(0x28),
      inodeSize,
      descriptorSize,
      uuid: bytes.slice(0x68, 0x78),
      label: String.fromCharCode(...bytes.subarray(0x78, 0x88)).replace(/\0.*/s, ""),
      hasJournal: (u32(0x5c) & 4) !== 0,
      needsRecovery: (incompatible & INCOMPATIBLE.recover) !== 0,
    };
    const sound = superblock.blocksPerGroup >= 256 && superblock.blocksPerGroup <= 8 * BLOCK_SIZE &&
      superblock.inodesPerGroup > 0 && superblock.inodesPerGroup <= 8 * BLOCK_SIZE &&
      [128, 256, 512, 1024, 2048, 4096].includes(inodeSize) &&
      [32, 64, 128].includes(descriptorSize);
    if (!sound) throw badImage("its superblock is malformed");
    return superblock;
  }
}

export function badImage(fact: string): CtrError {
  return new CtrError("bad-data", `read ext4: the disk is damaged, ${fact}`);
}
