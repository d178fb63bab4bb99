/**
 * The inodes of a file system that is being written: 64 bytes each in large typed arrays, so that a million
 * costs 64 MB and nothing for the garbage collector. What few inodes have is kept beside, by number.
 */
import { crc32c, crc32cWord, crc32cZeros } from "./crc32c.ts";
import { DIRECTORY, EXTENTS_FLAG, INODE_SIZE, SYMLINK, TYPE_MASK } from "./layout.ts";
import { CHECKSUM_SEED, INDEX_FLAG, REGULAR } from "./layout.ts";
import { inlineExtents } from "./extents.ts";

const CHUNK = 4096; // inodes
const WORDS = 16;

/** 32-bit fields by their word; `size` and `mtime` are doubles by their pair of words. */
export const Field = {
  mode: 0,
  links: 1,
  uid: 2,
  gid: 3,
  size: 2, // words 4 and 5
  mtime: 3, // words 6 and 7
  mtimeNs: 8,
  /** The blocks of an inode are one run, because they are written one after another. */
  firstBlock: 9,
  blocks: 10,
  /** Encoded number of a device. */
  device: 11,
  xattrBlock: 12,
  flags: 13,
  /** First and last entry of a directory, in {@linkcode NameTable}. */
  firstChild: 14,
  lastChild: 15,
} as const;

export type WordField =
  | "mode"
  | "links"
  | "uid"
  | "gid"
  | "mtimeNs"
  | "firstBlock"
  | "blocks"
  | "device"
  | "xattrBlock"
  | "flags"
  | "firstChild"
  | "lastChild";

export class InodeTable {
  readonly #words: Int32Array[] = [];
  readonly #doubles: Float64Array[] = [];
  /** The 60 bytes of inodes that are no single run. */
  readonly roots = new Map<number, Uint8Array>();
  /** Attributes in the inode: up to 96 bytes. */
  readonly inlineXattrs = new Map<number, Uint8Array>();
  readonly symlinks = new Map<number, string>();
  /** Access times that are not the time of modification: seconds and nanoseconds. */
  readonly atimes = new Map<number, readonly [number, number]>();
  #last: number;

  /** @param last Numbers up to this are taken from the start. */
  constructor(last: number) {
    this.#last = last;
    this.#reserve(last);
  }

  /** The highest number in use. */
  get last(): number {
    return this.#last;
  }

  add(): number {
    this.#reserve(++this.#last);
    return this.#last;
  }

  get(inode: number, field: WordField): number {
    return this.#words[inode >>> 12]![(inode & (CHUNK - 1)) * WORDS + Field[field]]! >>> 0;
  }

  set(inode: number, field: WordField, value: number): void {
    this.#words[inode >>> 12]![(inode & (CHUNK - 1)) * WORDS + Field[field]] = value;
  }

  getNumber(inode: number, field: "size" | "mtime"): number {
    return this.#doubles[inode >>> 12]![(inode & (CHUNK - 1)) * (WORDS / 2) + Field[field]]!;
  }

  setNumber(inode: number, field: "size" | "mtime", value: number): void {
    this.#doubles[inode >>> 12]![(inode & (CHUNK - 1)) * (WORDS / 2) + Field[field]] = value;
  }

  isDirectory(inode: number): boolean {
    return (this.get(inode, "mode") & TYPE_MASK) === DIRECTORY;
  }

  /** Forgets an inode; its number stays unused. */
  remove(inode: number): void {
    const at = (inode & (CHUNK - 1)) * WORDS;
    this.#words[inode >>> 12]!.fill(0, at, at + WORDS);
    this.roots.delete(inode);
    this.inlineXattrs.delete(inode);
    this.symlinks.delete(inode);
    this.atimes.delete(inode);
  }

  /** Writes an inode as it stands on the disk into 64 zeroed words of `bytes` at `at`. */
  encode(inode: number, bytes: Uint8Array, at: number): void {
    const mode = this.get(inode, "mode");
    if (mode === 0) return;
    const w = new Int32Array(bytes.buffer, bytes.byteOffset + at, INODE_SIZE / 4);
    const uid = this.get(inode, "uid");
    const gid = this.get(inode, "gid");
    const size = this.getNumber(inode, "size");
    const links = this.get(inode, "links");
    w[0] = mode | uid << 16;
    w[1] = size | 0;
    w[6] = gid & 0xffff | (links > 65_000 ? 1 : links) << 16;
    const xattrBlock = this.get(inode, "xattrBlock");
    const blocks = this.get(inode, "blocks") + (xattrBlock === 0 ? 0 : 1);
    w[7] = blocks * 8; // in sectors
    w[26] = xattrBlock;
    w[27] = Math.floor(size / 0x1_0000_0000);
    w[29] = Math.floor(blocks * 8 / 0x1_0000_0000);
    w[30] = uid >>> 16 | gid & 0xffff0000;
    w[32] = 32; // i_extra_isize: up to the project number
    this.#encodeTimes(inode, w);
    this.#encodeBody(inode, mode, w, bytes, at);
    let end = 160;
    const inline = this.inlineXattrs.get(inode);
    if (inline) {
      bytes.set(inline, at + 160);
      end = INODE_SIZE;
    }
    const seed = crc32cWord(crc32cWord(CHECKSUM_SEED, inode), 0);
    const crc = crc32cZeros(crc32c(seed, bytes, at, at + end), INODE_SIZE - end);
    w[31] = crc & 0xffff;
    w[32] = 32 | crc & 0xffff0000;
  }

  #encodeTimes(inode: number, w: Int32Array): void {
    const seconds = clampTime(this.getNumber(inode, "mtime"));
    const extra = timeExtra(seconds, this.get(inode, "mtimeNs"));
    const access = this.atimes.get(inode);
    const accessed = access ? clampTime(access[0]) : seconds;
    w[2] = accessed | 0;
    w[3] = w[4] = w[36] = seconds | 0;
    w[33] = w[34] = w[37] = extra;
    w[35] = access ? timeExtra(accessed, access[1]) : extra;
  }

  #encodeBody(inode: number, mode: number, w: Int32Array, bytes: Uint8Array, at: number): void {
    const type = mode & TYPE_MASK;
    const flags = this.get(inode, "flags");
    const target = type === SYMLINK ? this.symlinks.get(inode)! : "";
    if (type === SYMLINK && target.length < 60) {
      for (let i = 0; i < target.length; i++) bytes[at + 40 + i] = target.charCodeAt(i);
    } else if (type === REGULAR || type === DIRECTORY || type === SYMLINK) {
      w[8] = flags & INDEX_FLAG | EXTENTS_FLAG;
      const root = this.roots.get(inode);
      if (root) bytes.set(root, at + 40);
      else inlineExtents(w, 10, this.get(inode, "firstBlock"), this.get(inode, "blocks"));
    } else {
      const device = this.get(inode, "device");
      // Numbers below 256 stand in the first word in the old form, others in the second.
      if (device < 0x10000) w[10] = device;
      else w[11] = device;
    }
  }

  #reserve(inode: number): void {
    while (inode >= this.#words.length * CHUNK) {
      const words = new Int32Array(CHUNK * WORDS);
      this.#words.push(words);
      this.#doubles.push(new Float64Array(words.buffer));
    }
  }
}

/** The kernel's encoding of a device number; below 0x10000 the old and the new form agree. */
export function encodeDevice(major: number, minor: number): number {
  return (minor & 0xff | major << 8 | (minor & ~0xff) << 12) >>> 0;
}

const OLDEST = -(2 ** 31);
const YOUNGEST = 2 ** 34 - 2 ** 31 - 1;

/** What 34 bits of seconds can hold: 1901 to 2446. */
function clampTime(seconds: number): number {
  return Math.max(OLDEST, Math.min(YOUNGEST, seconds));
}

/** Two more bits of seconds and the nanoseconds. */
function timeExtra(seconds: number, ns: number): number {
  return Math.floor((seconds - (seconds | 0)) / 0x1_0000_0000) & 3 | ns << 2;
}
