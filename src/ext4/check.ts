/**
 * Whether a disk is consistent in itself, as `e2fsck -fn` would say: checksums, bitmaps against what files
 * hold, names against links. It changes nothing and believes nothing.
 */
import { crc32c, crc32cWord } from "./crc32c.ts";
import { isCtrError } from "../core/mod.ts";
import { type GroupTable, readGroups } from "./group_table.ts";
import { Image, type InputFile } from "./image.ts";
import {
  BLOCK_SIZE,
  BLOCKS_PER_GROUP,
  EXTENTS_FLAG,
  FIRST_INODE,
  ROOT_INODE,
  TYPE_MASK,
} from "./layout.ts";
import { Ext4Reader } from "./reader.ts";
import { SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE } from "./superblock.ts";

/** Who looks at a damaged disk wants to know that it is, not each of a million places. */
const MOST_PROBLEMS = 50;
/** Inodes between two looks at what else there is to do. */
const PAUSE_EVERY = 500;

export interface Ext4Check {
  /** Sentences; none: it is clean. */
  readonly problems: readonly string[];
  /** Files, directories and all else that has an inode. */
  readonly inodes: number;
  /** In use, metadata included. */
  readonly usedBytes: number;
}

/**
 * Checks a disk that nobody uses and whose journal is empty; see `recoverExt4()`.
 *
 * @param pause Called now and then, so that a long check leaves room for others.
 */
export async function checkExt4(
  file: InputFile,
  pause: () => Promise<void> = () => Promise.resolve(),
): Promise<Ext4Check> {
  const check = new Check(file);
  try {
    await check.run(pause);
  } catch (error) {
    if (!isCtrError(error)) throw error;
    check.say(error.message.replace(/^read ext4: /, ""));
  }
  return check.result();
}

class Check {
  readonly #image: Image;
  readonly #reader: Ext4Reader;
  readonly #groups: GroupTable;
  readonly #problems: string[] = [];
  #more = 0;
  /** What files and tables claim, by group, made when the first block of a group is claimed. */
  readonly #claims = new Map<number, Uint8Array>();
  readonly #sharedXattrs = new Set<number>();
  /** Links that an inode says it has, and names that lead to it. */
  readonly #links = new Map<number, number>();
  readonly #names = new Map<number, number>();
  #usedBlocks = 0;

  constructor(file: InputFile) {
    this.#image = new Image(file);
    this.#reader = new Ext4Reader(this.#image);
    this.#groups = readGroups(this.#image);
  }

  say(problem: string): void {
    if (this.#problems.length < MOST_PROBLEMS) this.#problems.push(problem);
    else this.#more++;
  }

  result(): Ext4Check {
    const more = this.#more > 0 ? [`and ${this.#more} more`] : [];
    return {
      problems: [...this.#problems, ...more],
      inodes: this.#links.size,
      usedBytes: this.#usedBlocks * BLOCK_SIZE,
    };
  }

  async run(pause: () => Promise<void>): Promise<void> {
    this.#checkSuperblock();
    for (const problem of this.#groups.problems) this.say(problem);
    for (const [start, end] of this.#groups.metadata()) this.#claim(start, end - start, "a table");
    const directories: number[] = [];
    let count = 0;
    for (const number of this.#groups.usedInodes((problem) => this.say(problem))) {
      if (++count % PAUSE_EVERY === 0) await pause();
      this.#guarded(`inode ${number}`, () => {
        if (this.#inode(number)) directories.push(number);
      });
    }
    await this.#walk(pause);
    this.#compareLinks();
    for (let group = 0; group < this.#groups.count; group++) {
      if (group % PAUSE_EVERY === 0) await pause();
      this.#compareBlocks(group);
    }
  }

  /** One damaged thing must not hide the next. */
  #guarded(what: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!isCtrError(error)) throw error;
      this.say(`${what}: ${error.message.replace(/^read ext4: (the disk is damaged, )?/, "")}`);
    }
  }

  #checkSuperblock(): void {
    const bytes = new Uint8Array(SUPERBLOCK_SIZE);
    this.#image.readAt(SUPERBLOCK_OFFSET, bytes);
    const v = new DataView(bytes.buffer);
    if (crc32c(-1, bytes, 0, 0x3fc) !== (v.getUint32(0x3fc, true) | 0)) {
      this.say("the superblock's checksum is wrong");
    }
    const state = v.getUint16(0x3a, true);
    if (state & 2) this.say("the guest's kernel has found errors in it");
    if ((state & 1) === 0) this.say("it was not unmounted, and has no journal");
    const { freeBlocks, freeInodes } = this.#image.superblock;
    if (freeBlocks !== this.#groups.freeBlocks || freeInodes !== this.#groups.freeInodes) {
      this.say("the superblock's totals are not those of the groups");
    }
  }

  /** @returns Whether it is a directory. */
  #inode(number: number): boolean {
    const raw = this.#image.readInode(number);
    const v = new DataView(raw.buffer, raw.byteOffset, raw.length);
    const mode = v.getUint16(0, true);
    if (number < FIRST_INODE && number !== ROOT_INODE && mode === 0) return false; // reserved, unused
    if (!this.#inodeHolds(number, raw)) this.say(`inode ${number}: its checksum is wrong`);
    const links = v.getUint16(0x1a, true);
    if (links === 0) {
      // Removed while open: the next mount frees it.
      if (!this.#groups.orphans.has(number)) this.say(`inode ${number} is in use without a name`);
    } else if (number >= FIRST_INODE || number === ROOT_INODE) this.#links.set(number, links);
    const inode = this.#reader.inode(number);
    const blocks = this.#claimInode(number, inode.flags, raw, v);
    const stored = v.getUint32(0x1c, true) + v.getUint16(0x74, true) * 0x1_0000_0000;
    if (stored !== blocks * (BLOCK_SIZE / 512)) {
      this.say(`inode ${number} says ${stored} sectors and has ${blocks * (BLOCK_SIZE / 512)}`);
    }
    return (mode & TYPE_MASK) === 0o040000;
  }

  #inodeHolds(number: number, raw: Uint8Array): boolean {
    const v = new DataView(raw.buffer, raw.byteOffset, raw.length);
    const extra = raw.length > 128 ? v.getUint16(128, true) : 0;
    const stored = v.getUint16(0x7c, true) + (extra >= 4 ? v.getUint16(0x82, true) * 0x10000 : 0);
    v.setUint16(0x7c, 0, true);
    if (extra >= 4) v.setUint16(0x82, 0, true);
    const seed = crc32cWord(crc32cWord(this.#groups.seed, number), v.getUint32(100, true));
    const actual = crc32c(seed, raw);
    return (extra >= 4 ? actual >>> 0 : actual & 0xffff) === stored;
  }

  /** Claims a file's blocks. @returns How many. */
  #claimInode(number: number, flags: number, raw: Uint8Array, v: DataView): number {
    let blocks = 0;
    const xattrs = v.getUint32(104, true) + v.getUint16(118, true) * 0x1_0000_0000;
    if (xattrs !== 0) {
      blocks++;
      if (!this.#sharedXattrs.has(xattrs)) this.#claim(xattrs, 1, `inode ${number}`);
      this.#sharedXattrs.add(xattrs); // files with the same attributes may share their block
    }
    if ((flags & EXTENTS_FLAG) === 0) return blocks;
    const visit = (node: Uint8Array): void => {
      const n = new DataView(node.buffer, node.byteOffset, node.length);
      const depth = n.getUint16(6, true);
      for (let i = 0; i < n.getUint16(2, true) && depth > 0; i++) {
        const at = 12 + 12 * i;
        const child = n.getUint32(at + 4, true) + n.getUint16(at + 8, true) * 0x1_0000_0000;
        this.#claim(child, 1, `inode ${number}`);
        blocks++;
        visit(this.#image.readBlock(child));
      }
    };
    // Reading the extents first makes sure that the tree ends.
    for (const { physical, blocks: count } of this.#reader.extents(this.#reader.inode(number))) {
      this.#claim(physical, count, `inode ${number}`);
      blocks += count;
    }
    visit(raw.subarray(40, 100));
    return blocks;
  }

  #claim(first: number, count: number, who: string): void {
    this.#usedBlocks += count;
    for (let block = first; block < first + count;) {
      const group = Math.floor(block / BLOCKS_PER_GROUP);
      const end = Math.min(first + count, (group + 1) * BLOCKS_PER_GROUP);
      const map = this.#claims.get(group) ?? new Uint8Array(BLOCKS_PER_GROUP / 8);
      this.#claims.set(group, map);
      for (; block < end; block++) {
        const bit = block % BLOCKS_PER_GROUP;
        if (map[bit >> 3]! & 1 << (bit & 7)) {
          this.say(`block ${block} is used twice, by ${who} too`);
        }
        map[bit >> 3]! |= 1 << (bit & 7);
      }
    }
  }

  /** Every name, from the root. */
  async #walk(pause: () => Promise<void>): Promise<void> {
    this.#names.set(ROOT_INODE, 2); // its own "." and ".."
    const pending = [ROOT_INODE];
    const seen = new Set(pending);
    let count = 0;
    for (let number = pending.pop(); number !== undefined; number = pending.pop()) {
      if (++count % PAUSE_EVERY === 0) await pause();
      this.#guarded(`directory ${number}`, () => {
        const directory = this.#reader.inode(number!);
        this.#checkLeaves(number!);
        for (const { name, inode } of this.#reader.list(directory)) {
          if (!this.#links.has(inode)) {
            const shown = JSON.stringify(name.slice(0, 60));
            this.say(
              `${shown} in directory ${number} leads to inode ${inode}, which is not in use`,
            );
            continue;
          }
          const isDirectory = this.#reader.inode(inode).type === "directory";
          this.#name(inode, isDirectory ? 2 : 1);
          if (!isDirectory) continue;
          this.#name(number!, 1); // the child's ".."
          if (seen.has(inode)) this.say(`directory ${inode} has two names`);
          else pending.push(inode);
          seen.add(inode);
        }
      });
    }
  }

  #name(inode: number, by: number): void {
    this.#names.set(inode, (this.#names.get(inode) ?? 0) + by);
  }

  /** The checksum at the end of a directory's block, where the block has one. */
  #checkLeaves(number: number): void {
    const raw = this.#image.readInode(number);
    const generation = new DataView(raw.buffer, raw.byteOffset).getUint32(100, true);
    const seed = crc32cWord(crc32cWord(this.#groups.seed, number), generation);
    const block = new Uint8Array(BLOCK_SIZE);
    const v = new DataView(block.buffer);
    const tail = BLOCK_SIZE - 12;
    for (const { physical, blocks } of this.#reader.extents(this.#reader.inode(number))) {
      for (let i = 0; i < blocks; i++) {
        this.#image.readBlock(physical + i, block);
        const hasTail = v.getUint32(tail, true) === 0 && v.getUint16(tail + 4, true) === 12 &&
          block[tail + 7] === 0xde;
        if (hasTail && crc32c(seed, block, 0, tail) !== (v.getUint32(tail + 8, true) | 0)) {
          this.say(`directory ${number}: a block's checksum is wrong`);
        }
      }
    }
  }

  #compareLinks(): void {
    for (const [inode, links] of this.#links) {
      const names = this.#names.get(inode) ?? 0;
      if (names === 0) this.say(`inode ${inode} has no name`);
      // A directory with more subdirectories than can be counted says 1.
      else if (names !== links && !(links === 1 && names > 65_000)) {
        this.say(`inode ${inode} has ${links} links and ${names} names`);
      }
    }
  }

  #compareBlocks(group: number): void {
    const claimed = this.#claims.get(group);
    const used = this.#groups.blockBitmap(group, (problem) => this.say(problem));
    let unmarked = 0;
    let leaked = 0;
    const bits = this.#groups.blocksIn(group);
    for (let byte = 0; byte < Math.ceil(bits / 8); byte++) {
      const mask = bits - byte * 8 >= 8 ? 0xff : (1 << bits - byte * 8) - 1;
      const c = (claimed?.[byte] ?? 0) & mask;
      const u = (used?.[byte] ?? 0) & mask;
      if (c === u) continue;
      unmarked += ones(c & ~u);
      leaked += used ? ones(u & ~c) : 0;
    }
    // A group whose bitmap was never written has only what its own tables take.
    if (used === undefined) unmarked = 0;
    if (unmarked > 0) this.say(`group ${group}: ${unmarked} blocks in use are marked free`);
    if (leaked > 0) this.say(`group ${group}: ${leaked} free blocks are marked in use`);
  }
}

function ones(byte: number): number {
  let count = 0;
  for (let rest = byte; rest; rest &= rest - 1) count++;
  return count;
}
