/**
 * Reads files, directories, links and attributes of an ext4 disk without mounting it. Calls answer at once:
 * they are for workers and for small looks. A hostile disk gets a typed error in bounded time, never a loop.
 */
import { CtrError } from "../core/mod.ts";
import { contentPieces, type Extent, type Piece, readExtents } from "./extent_reader.ts";
import { badImage, Image, type InputFile, type Superblock } from "./image.ts";
import * as layout from "./layout.ts";
import { BLOCK_SIZE, EXTENTS_FLAG, ROOT_INODE, TYPE_MASK } from "./layout.ts";
import type { Ext4Type } from "./entry.ts";
import { readXattrs, XATTR_MAGIC } from "./xattrs.ts";

export interface Ext4Inode {
  readonly inode: number;
  readonly type: Exclude<Ext4Type, "hardlink">;
  /** The low 12 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly size: number;
  readonly mtime: number;
  readonly mtimeNs: number;
  readonly atime: number;
  readonly atimeNs: number;
  readonly ctime: number;
  readonly ctimeNs: number;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly flags: number;
  readonly generation: number;
  /** The 60 bytes of the block map, and the attributes' block. */
  readonly map: Uint8Array;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

export interface Ext4Name {
  readonly name: string;
  readonly inode: number;
}

const TYPES: Readonly<Record<number, Exclude<Ext4Type, "hardlink">>> = {
  [layout.REGULAR]: "file",
  [layout.DIRECTORY]: "directory",
  [layout.SYMLINK]: "symlink",
  [layout.CHAR]: "char",
  [layout.BLOCK_DEVICE]: "block",
  [layout.FIFO]: "fifo",
  [layout.SOCKET]: "socket",
};
const MAX_DIRECTORY_BYTES = 2 ** 31;
const MAX_FILE_BYTES = 2 ** 44;
/** Names of one directory: they are read at once. */
const MAX_NAMES = 1 << 22;

/** Reads the disk in `file`, which must stay open. @throws {CtrError} `bad-data` if it is not sound ext4. */
export function openExt4(file: InputFile): Ext4Reader {
  return new Ext4Reader(new Image(file));
}

export class Ext4Reader {
  readonly #image: Image;
  readonly #buffer = new Uint8Array(1 << 18);

  constructor(image: Image) {
    this.#image = image;
  }

  get superblock(): Superblock {
    return this.#image.superblock;
  }

  root(): Ext4Inode {
    return this.inode(ROOT_INODE);
  }

  /** @throws {CtrError} `bad-data` if there is no such inode, or it is not in use. */
  inode(number: number): Ext4Inode {
    const raw = this.#image.readInode(number);
    const v = new DataView(raw.buffer, raw.byteOffset, raw.length);
    const bits = v.getUint16(0, true);
    const type = TYPES[bits & TYPE_MASK];
    if (type === undefined) throw badImage(`inode ${number} is of no type`);
    const size = v.getUint32(4, true) + v.getUint32(108, true) * 0x1_0000_0000;
    if (size > MAX_FILE_BYTES) throw badImage(`inode ${number} is too large`);
    const extra = raw.length > 128 ? v.getUint16(128, true) : 0;
    const [mtime, mtimeNs] = time(v, 16, extra >= 12 ? 136 : 0);
    const [atime, atimeNs] = time(v, 8, extra >= 16 ? 140 : 0);
    const [ctime, ctimeNs] = time(v, 12, extra >= 8 ? 132 : 0);
    const device = v.getUint32(40, true) || v.getUint32(44, true);
    const isDevice = type === "char" || type === "block";
    return {
      inode: number,
      type,
      mode: bits & 0o7777,
      uid: v.getUint16(2, true) + v.getUint16(120, true) * 0x10000,
      gid: v.getUint16(24, true) + v.getUint16(122, true) * 0x10000,
      links: v.getUint16(26, true),
      size,
      mtime,
      mtimeNs,
      atime,
      atimeNs,
      ctime,
      ctimeNs,
      devMajor: isDevice ? device >>> 8 & 0xfff : 0,
      devMinor: isDevice ? device & 0xff | device >>> 12 & 0xfff00 : 0,
      flags: v.getUint32(32, true),
      generation: v.getUint32(100, true),
      map: raw.slice(40, 100),
      xattrs: this.#xattrs(raw, v, extra),
    };
  }

  /** The names in a directory, without `.` and `..`, in the order of the disk. */
  list(directory: Ext4Inode): Ext4Name[] {
    if (directory.type !== "directory") throw badImage("a directory is a file");
    if (directory.size > MAX_DIRECTORY_BYTES) throw badImage("a directory is too large");
    const names: Ext4Name[] = [];
    let block: Uint8Array | undefined;
    for (const extent of this.extents(directory)) {
      for (
        let i = 0;
        i < extent.blocks && (extent.logical + i) * BLOCK_SIZE < directory.size;
        i++
      ) {
        block = this.#image.readBlock(extent.physical + i, block);
        addNames(block, names);
        if (names.length > MAX_NAMES) throw badImage("a directory has too many names");
      }
    }
    return names;
  }

  /** The inode of a name in a directory. */
  child(directory: Ext4Inode, name: string): Ext4Inode | undefined {
    const found = this.list(directory).find((each) => each.name === name);
    return found && this.inode(found.inode);
  }

  /** Follows a clean path from the root; symbolic links are not followed. */
  lookup(path: string): Ext4Inode | undefined {
    let at: Ext4Inode | undefined = this.root();
    for (const name of path.split("/")) {
      if (name === "") continue;
      if (at?.type !== "directory") return undefined;
      at = this.child(at, name);
    }
    return at;
  }

  extents(inode: Ext4Inode): Extent[] {
    if ((inode.flags & EXTENTS_FLAG) === 0) {
      if (inode.size === 0) return [];
      throw new CtrError("unsupported", `read ext4: inode ${inode.inode} has no extents`);
    }
    return readExtents(this.#image, inode.map);
  }

  /** Reads a file in order. What `data` gets is valid during the call. */
  read(file: Ext4Inode, into: { data(bytes: Uint8Array): void; hole(length: number): void }): void {
    for (const piece of this.pieces(file)) {
      if (typeof piece === "number") into.hole(piece);
      else into.data(piece);
    }
  }

  /** As `read`, for who wants to wait in between. Bytes are valid until the next piece. */
  pieces(file: Ext4Inode): Generator<Piece, void> {
    if (file.type !== "file") throw badImage(`inode ${file.inode} is not a file`);
    return contentPieces(this.#image, this.extents(file), file.size, this.#buffer);
  }

  /** A file's content at once. @throws {CtrError} `too-large` over `maxBytes`. */
  readAll(file: Ext4Inode, maxBytes = 1 << 30): Uint8Array {
    if (file.size > maxBytes) {
      throw new CtrError(
        "too-large",
        `read ext4: a file of ${file.size} bytes is larger than ${maxBytes}`,
      );
    }
    const content = new Uint8Array(file.size);
    let at = 0;
    this.read(file, {
      data: (bytes) => {
        content.set(bytes, at);
        at += bytes.length;
      },
      hole: (length) => at += length,
    });
    return content;
  }

  /** The target of a symbolic link. */
  readLink(link: Ext4Inode): string {
    if (link.type !== "symlink" || link.size >= BLOCK_SIZE) {
      throw badImage("a symbolic link is malformed");
    }
    let bytes = link.map;
    if ((link.flags & EXTENTS_FLAG) !== 0) {
      const [extent] = this.extents(link);
      if (!extent) throw badImage("a symbolic link is malformed");
      bytes = this.#image.readBlock(extent.physical);
    } else if (link.size >= 60) {
      throw badImage("a symbolic link is malformed");
    }
    return String.fromCharCode(...bytes.subarray(0, link.size));
  }

  #xattrs(raw: Uint8Array, v: DataView, extra: number): ReadonlyMap<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    const start = 128 + extra;
    if (extra >= 4 && start + 8 <= raw.length && v.getUint32(start, true) === XATTR_MAGIC) {
      readXattrs(raw, start + 4, start + 4, found);
    }
    const block = v.getUint32(104, true) + v.getUint16(118, true) * 0x1_0000_0000;
    if (block !== 0) {
      const bytes = this.#image.readBlock(block);
      if (new DataView(bytes.buffer).getUint32(0, true) !== XATTR_MAGIC) {
        throw badImage("a block of extended attributes is malformed");
      }
      readXattrs(bytes, 32, 0, found);
    }
    return found;
  }
}

function addNames(block: Uint8Array, names: Ext4Name[]): void {
  const v = new DataView(block.buffer, block.byteOffset, BLOCK_SIZE);
  for (let at = 0; at < BLOCK_SIZE;) {
    const length = v.getUint16(at + 4, true);
    const nameLength = block[at + 6]!;
    if (length < 8 || length % 4 !== 0 || at + length > BLOCK_SIZE || 8 + nameLength > length) {
      throw badImage("a directory is malformed");
    }
    const inode = v.getUint32(at, true);
    if (inode !== 0) {
      const name = String.fromCharCode(...block.subarray(at + 8, at + 8 + nameLength));
      if (name === "" || name.includes("/") || name.includes("\0")) {
        throw badImage("a name is malformed");
      }
      if (name !== "." && name !== "..") names.push({ name, inode });
    }
    at += length;
  }
}

/** Seconds and nanoseconds; the extra word holds two more bits of seconds. */
function time(v: DataView, at: number, extraAt: number): [seconds: number, ns: number] {
  const low = v.getInt32(at, true);
  if (extraAt === 0) return [low, 0];
  const extra = v.getUint32(extraAt, true);
  return [low + (extra & 3) * 0x1_0000_0000, Math.min(extra >>> 2, 999_999_999)];
}
