/** What is in a volume, as entries that a disk, a folder and an archive have in common. */
import { join } from "node:path";
import { setImmediate } from "node:timers";
import { CtrError } from "../core/mod.ts";
import { type Ext4Entry, type Ext4Reader, walkExt4 } from "../ext4/mod.ts";
import { binaryOf } from "../tar/mod.ts";

/** Bytes, valid until the next piece is asked for, or the length of a hole. */
export type Piece = Uint8Array | number;

export interface VolumeEntry {
  /** The root's path is empty. */
  readonly entry: Ext4Entry;
  /** Of a file: `size` bytes together. */
  pieces(): Iterable<Piece>;
}

/** Where entries go. `write` and `hole` are the content of the file that was added last. */
export interface EntrySink {
  add(entry: Ext4Entry): void;
  write(bytes: Uint8Array): void;
  hole(length: number): void;
}

const LOST_AND_FOUND = "lost+found";
const PIECE = 1 << 18;

/** Parents first. An empty `lost+found` is the disk's own, not the user's. */
export function* ext4Entries(reader: Ext4Reader): Generator<VolumeEntry> {
  const links = new Map<number, string>();
  for (const { path, inode } of walkExt4(reader)) {
    if (path === LOST_AND_FOUND && inode.type === "directory" && reader.list(inode).length === 0) {
      continue;
    }
    const { mode, uid, gid, mtime, mtimeNs, atime, atimeNs, devMajor, devMinor } = inode;
    const base = { path, mode, uid, gid, mtime, mtimeNs, atime, atimeNs, devMajor, devMinor };
    const first = inode.type === "directory" ? undefined : links.get(inode.inode);
    if (first !== undefined) {
      yield noContent({ ...base, type: "hardlink", size: 0, linkTarget: first, xattrs: undefined });
      continue;
    }
    if (inode.links > 1) links.set(inode.inode, path);
    const isFile = inode.type === "file";
    yield {
      entry: {
        ...base,
        type: inode.type,
        size: isFile ? inode.size : 0,
        linkTarget: inode.type === "symlink" ? reader.readLink(inode) : "",
        xattrs: inode.xattrs.size > 0 ? inode.xattrs : undefined,
      },
      pieces: () => isFile ? reader.pieces(inode) : [],
    };
  }
}

/**
 * As `ext4Entries()`, of a folder of the host. Extended attributes cannot be read there.
 *
 * @throws {CtrError} `unsupported` for a name that is not UTF-8.
 */
export function* folderEntries(root: string): Generator<VolumeEntry> {
  const links = new Map<string, string>();
  const pending = [""];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const full = join(root, path);
    const info = statEntry(full);
    const base = { ...times(info), path: binaryOf(path), devMajor: 0, devMinor: 0 };
    const identity = `${info.dev}:${info.ino}`;
    const first = info.isDirectory ? undefined : links.get(identity);
    if (first !== undefined) {
      yield noContent({ ...base, type: "hardlink", size: 0, linkTarget: first });
      continue;
    }
    if ((info.nlink ?? 1) > 1) links.set(identity, base.path);
    if (info.isDirectory) {
      yield noContent({ ...base, type: "directory", size: 0, linkTarget: "" });
      const names = [...Deno.readDirSync(full)].map(({ name }) => name).sort().reverse();
      for (const name of names) pending.push(path === "" ? name : `${path}/${name}`);
    } else if (info.isSymlink) {
      const linkTarget = binaryOf(Deno.readLinkSync(full));
      yield noContent({ ...base, type: "symlink", size: 0, linkTarget });
    } else if (info.isFile) {
      const entry = { ...base, type: "file" as const, size: info.size, linkTarget: "" };
      yield { entry, pieces: () => filePieces(full, info.size) };
    } else {
      const type = info.isFifo ? "fifo" : "socket"; // devices cannot be made there without root
      yield noContent({ ...base, type, size: 0, linkTarget: "" });
    }
  }
}

function statEntry(path: string): Deno.FileInfo {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CtrError("unsupported", `cannot read ${JSON.stringify(path)}: its name is not UTF-8`);
  }
}

function times(info: Deno.FileInfo) {
  const mtimeMs = info.mtime?.getTime() ?? 0;
  const mtime = Math.floor(mtimeMs / 1000);
  return {
    mode: (info.mode ?? 0o644) & 0o7777,
    uid: info.uid ?? 0,
    gid: info.gid ?? 0,
    mtime,
    mtimeNs: (mtimeMs - mtime * 1000) * 1_000_000,
    xattrs: undefined,
  };
}

/** A file that changes its length meanwhile keeps the one that was told. */
function* filePieces(path: string, size: number): Generator<Piece> {
  using file = Deno.openSync(path, { read: true });
  const buffer = new Uint8Array(PIECE);
  let left = size;
  while (left > 0) {
    const n = file.readSync(buffer.subarray(0, Math.min(PIECE, left)));
    if (n === null) break;
    yield buffer.subarray(0, n);
    left -= n;
  }
  if (left > 0) yield left;
}

function noContent(entry: Ext4Entry): VolumeEntry {
  return { entry, pieces: () => [] };
}

/** Lets others have their turn between two pieces of long work. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export async function copyEntries(entries: Iterable<VolumeEntry>, sink: EntrySink): Promise<void> {
  const pacer = new Pacer();
  for (const { entry, pieces } of entries) {
    sink.add(entry);
    for (const piece of pieces()) {
      if (typeof piece === "number") sink.hole(piece);
      else sink.write(piece);
      await pacer.rest(typeof piece === "number" ? 0 : piece.length);
    }
    await pacer.rest(0);
  }
}

const REST_BYTES = 4 << 20;
const REST_STEPS = 200;

/** Rests after so many bytes or steps. */
class Pacer {
  #bytes = 0;
  #steps = 0;

  async rest(bytes: number): Promise<void> {
    this.#bytes += bytes;
    if (this.#bytes < REST_BYTES && ++this.#steps < REST_STEPS) return;
    this.#bytes = this.#steps = 0;
    await pause();
  }
}
