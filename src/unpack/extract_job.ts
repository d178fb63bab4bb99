/**
 * What disks show together, written into a folder of the host, in a worker. The disks are a stranger's: every
 * folder on the way is held by its descriptor and is never a link, and files are made anew.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  ftruncateSync,
  futimesSync,
  openSync,
  writeSync,
} from "node:fs";
import { CtrError } from "../core/mod.ts";
import { HeldFolder } from "../host/mod.ts";
import { binaryOf, textOf } from "../tar/mod.ts";
import { DiskStack, type StackNode } from "./disk_stack.ts";
import type { ExtractJob } from "./protocol.ts";

const MAX_DEPTH = 512;
/** Never through what is there, link or file. */
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** Without the bits that would let others use the files as the caller. */
const MODE = 0o1777;

export interface Extracted {
  readonly entries: number;
  /** Devices, which a folder cannot hold. */
  readonly skipped: number;
}

export function runExtractJob(job: ExtractJob): Extracted {
  using stack = new DiskStack(job.disks.map((disk) => ({ disk })));
  using root = HeldFolder.open(job.folder);
  const extraction = new Extraction(stack, job);
  extraction.fill(root, "", 0);
  return extraction;
}

class Extraction implements Extracted {
  readonly #stack: DiskStack;
  readonly #latest: number | undefined;
  readonly #maxEntries: number;
  /** First names of files with several, as paths below the folder. */
  readonly #links = new Map<string, string>();
  readonly #folder: string;
  entries = 0;
  skipped = 0;

  constructor(stack: DiskStack, { folder, latestMtime, limits }: ExtractJob) {
    this.#stack = stack;
    this.#folder = folder;
    this.#latest = latestMtime;
    this.#maxEntries = limits.maxEntries;
  }

  fill(folder: HeldFolder, path: string, depth: number): void {
    if (depth > MAX_DEPTH) throw new CtrError("bad-data", "folders are nested too deep");
    for (const [name, node] of this.#stack.children(path)) {
      if (++this.entries > this.#maxEntries) {
        throw new CtrError("too-large", `there are more than ${this.#maxEntries} names`);
      }
      const text = textOf(name);
      if (binaryOf(text) !== name) {
        throw new CtrError("unsupported", `the name "${text}" is not UTF-8`);
      }
      this.#put(folder, text, node, depth);
    }
  }

  #put(folder: HeldFolder, name: string, node: StackNode, depth: number): void {
    switch (node.inode.type) {
      case "directory":
        return this.#putFolder(folder, name, node, depth);
      case "file":
        return this.#putFile(folder, name, node);
      case "symlink":
        clear(folder, name);
        return Deno.symlinkSync(textOf(this.#stack.readLink(node)), folder.at(name));
      default:
        this.skipped++;
    }
  }

  #putFolder(folder: HeldFolder, name: string, node: StackNode, depth: number): void {
    const isNew = makeFolder(folder, name);
    using inner = folder.enter(name);
    this.fill(inner, node.path, depth + 1);
    if (!isNew) return;
    inner.chmod(node.inode.mode & MODE);
    const mtime = this.#mtime(node);
    inner.utime(mtime, mtime);
  }

  #putFile(folder: HeldFolder, name: string, node: StackNode): void {
    clear(folder, name);
    const { inode, disk } = node;
    const key = `${disk}:${inode.inode}`;
    const first = inode.links > 1 ? this.#links.get(key) : undefined;
    if (first !== undefined) {
      return Deno.linkSync(`${this.#folder}/${textOf(first)}`, folder.at(name));
    }
    if (inode.links > 1) this.#links.set(key, node.path);
    const fd = openSync(folder.at(name), NEW_FILE, 0o600);
    try {
      ftruncateSync(fd, inode.size);
      let at = 0;
      for (const piece of this.#stack.pieces(node)) {
        if (typeof piece === "number") {
          at += piece;
          continue;
        }
        for (let done = 0; done < piece.length;) {
          const wrote = writeSync(fd, piece, done, piece.length - done, at);
          done += wrote;
          at += wrote;
        }
      }
      fchmodSync(fd, inode.mode & MODE);
      const mtime = this.#mtime(node);
      futimesSync(fd, mtime, mtime);
    } finally {
      closeSync(fd);
    }
  }

  #mtime({ inode: { mtime, mtimeNs } }: StackNode): number {
    const own = mtime + mtimeNs / 1e9;
    return this.#latest === undefined ? own : Math.min(own, this.#latest);
  }
}

/** @returns False if there is one, which keeps what it is. */
function makeFolder(folder: HeldFolder, name: string): boolean {
  try {
    Deno.mkdirSync(folder.at(name), { mode: 0o700 });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

/** A file or a link goes; a folder is not replaced by something else. */
function clear(folder: HeldFolder, name: string): void {
  try {
    if (Deno.lstatSync(folder.at(name)).isDirectory) {
      throw new CtrError("conflict", `"${name}" is a folder, and would become a file`);
    }
    Deno.removeSync(folder.at(name));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
