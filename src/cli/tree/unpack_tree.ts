import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  openSync,
  writeSync,
} from "node:fs";
import { CtrError } from "../../core/mod.ts";
import { HeldFolder } from "../../host/mod.ts";
import { binaryOf, type TarEntry, TarReader, type TarSink, textOf } from "../../tar/mod.ts";
import { printable } from "../printable.ts";
import { FolderStack } from "./folder_stack.ts";
import { hostError } from "./host_error.ts";

/** More names below one another than any tree has, and fewer than descriptors. */
const MAX_DEPTH = 512;
const SPECIAL = 0o6000;
/** Never through what is there, link or file. */
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export interface UnpackOptions {
  /** An existing folder; links in its path are followed. */
  readonly folder: string;
  /**
   * The name that all entries begin with, and all that is touched in the folder. Undefined: entries begin
   * with `./`, and are put into the folder itself.
   */
  readonly name: string | undefined;
  /** Keep user and group IDs; only root can. Without it the files are the caller's. */
  readonly keepOwners: boolean;
  /** Told of what was left out. */
  readonly note: (text: string) => void;
}

/**
 * Unpacks an archive of a stranger into a folder of this host.
 *
 * Nothing is written outside: every folder on the way is held by its descriptor and is never a link, files
 * are made anew and never written through, hard links lead to files inside. Devices are left out, and so
 * are the bits that would let others use the files as the caller.
 *
 * @throws {CtrError} `bad-data` for an archive that is damaged or leads outside, `conflict` where a folder
 * would replace something else or the other way round, `denied`, `no-space`. What was unpacked stays.
 */
export async function unpackTree(
  archive: AsyncIterable<Uint8Array>,
  options: UnpackOptions,
): Promise<void> {
  const mask = Deno.umask(0);
  const unpacker = new Unpacker(options);
  try {
    const reader = new TarReader(unpacker);
    for await (const bytes of archive) reader.push(bytes);
    reader.finish();
    unpacker.finish();
  } finally {
    unpacker[Symbol.dispose]();
    Deno.umask(mask);
  }
}

class Unpacker implements TarSink {
  readonly #options: UnpackOptions;
  readonly #root: HeldFolder;
  readonly #folders: FolderStack;
  #file: { readonly fd: number; readonly entry: TarEntry; at: number; hole: boolean } | undefined;

  constructor(options: UnpackOptions) {
    this.#options = options;
    this.#root = HeldFolder.open(options.folder);
    this.#folders = new FolderStack(this.#root);
  }

  entry(entry: TarEntry): void {
    this.#closeFile();
    const parts = this.#parts(entry.path);
    if (parts === undefined) return this.#leaveOut(entry, "its name is not UTF-8");
    if (parts.length === 0) {
      if (entry.type === "directory") return; // the folder itself stays as it is
      throw leadsOutside(entry.path);
    }
    try {
      this.#make(entry, parts);
    } catch (error) {
      throw hostError(error, `cannot write "${parts.join("/")}"`);
    }
  }

  data(bytes: Uint8Array): void {
    const file = this.#file;
    if (!file) return;
    try {
      for (let at = 0; at < bytes.length;) {
        const count = writeSync(file.fd, bytes, at, bytes.length - at, file.at);
        file.at += count;
        at += count;
      }
    } catch (error) {
      throw hostError(error, `cannot write "${textOf(file.entry.path)}"`);
    }
  }

  hole(length: number): void {
    if (!this.#file) return;
    this.#file.at += length;
    this.#file.hole = true;
  }

  finish(): void {
    this.#closeFile();
    this.#folders.leaveAll();
  }

  [Symbol.dispose](): void {
    if (this.#file) closeSync(this.#file.fd);
    this.#folders[Symbol.dispose]();
    this.#root[Symbol.dispose]();
  }

  /**
   * The names on the way to an entry; undefined if this host cannot be told of one.
   *
   * @throws {CtrError} `bad-data` if it leads outside.
   */
  #parts(path: string): string[] | undefined {
    const { name } = this.#options;
    if (path.startsWith("/")) throw leadsOutside(path);
    const parts = path.split("/");
    if (name === undefined && parts[0] === ".") parts.shift();
    if (parts.some((part) => part === "" || part === "." || part === "..")) {
      throw leadsOutside(path);
    }
    if (name !== undefined && parts[0] !== binaryOf(name)) throw leadsOutside(path);
    if (parts.length > MAX_DEPTH) {
      throw new CtrError(
        "too-large",
        `cannot unpack: more than ${MAX_DEPTH} folders in one another`,
      );
    }
    const texts = parts.map(textOf);
    return texts.every((text, at) => binaryOf(text) === parts[at]) ? texts : undefined;
  }

  #make(entry: TarEntry, parts: readonly string[]): void {
    switch (entry.type) {
      case "directory":
        return this.#folders.enter(parts, this.#metadata(entry));
      case "file":
        return this.#makeFile(entry, parts);
      case "symlink":
        return this.#makeLink(entry, parts);
      case "hardlink":
        return this.#makeHardLink(entry, parts);
      default:
        return this.#leaveOut(entry, entry.type === "fifo" ? "it is a pipe" : "it is a device");
    }
  }

  #makeFile(entry: TarEntry, parts: readonly string[]): void {
    const path = this.#place(parts);
    const { mode, uid, gid } = this.#metadata(entry);
    let fd: number;
    try {
      fd = openSync(path, NEW_FILE, mode & 0o777);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "EEXIST") throw error;
      makeRoom(path);
      fd = openSync(path, NEW_FILE, mode & 0o777);
    }
    this.#file = { fd, entry, at: 0, hole: false };
    if (uid !== undefined) fchownSync(fd, uid, gid!);
    if (mode > 0o777) fchmodSync(fd, mode);
  }

  #makeLink(entry: TarEntry, parts: readonly string[]): void {
    const target = textOf(entry.linkTarget);
    if (target === "" || binaryOf(target) !== entry.linkTarget) {
      return this.#leaveOut(entry, "the target of the link cannot be named here");
    }
    const path = this.#place(parts);
    makeRoom(path);
    Deno.symlinkSync(target, path);
    const { uid, gid } = this.#metadata(entry);
    if (uid !== undefined) lchownSync(path, uid, gid!);
    ignoringErrors(() => lutimesSync(path, entry.mtime, entry.mtime));
  }

  #makeHardLink(entry: TarEntry, parts: readonly string[]): void {
    const target = this.#parts(entry.linkTarget);
    if (target === undefined || target.length === 0) throw leadsOutside(entry.linkTarget);
    const path = this.#place(parts);
    this.#folders.within(target.slice(0, -1), (folder) => {
      const from = folder.at(target.at(-1)!);
      if (!Deno.lstatSync(from).isFile) {
        throw new CtrError("bad-data", "it is a hard link to something that is no file");
      }
      if (target.join("/") === parts.join("/")) return;
      makeRoom(path);
      linkSync(from, path);
    });
  }

  /** The path of an entry in its folder, which is made where it is missing. */
  #place(parts: readonly string[]): string {
    return this.#folders.reach(parts.slice(0, -1)).at(parts.at(-1)!);
  }

  #metadata({ mode, uid, gid, mtime, mtimeNs }: TarEntry) {
    const time = mtime + mtimeNs / 1e9;
    if (!this.#options.keepOwners) return { mode: mode & ~SPECIAL, time };
    return { mode, time, uid, gid };
  }

  #closeFile(): void {
    const open = this.#file;
    this.#file = undefined;
    if (!open) return;
    const { fd, entry, at } = open;
    const { time } = this.#metadata(entry);
    try {
      if (at < entry.size) throw new CtrError("bad-data", "the archive is cut off within a file");
      if (open.hole) ftruncateSync(fd, at); // a hole at the end was not written
      ignoringErrors(() => futimesSync(fd, time, time));
    } finally {
      closeSync(fd);
    }
  }

  #leaveOut({ path }: TarEntry, why: string): void {
    this.#options.note(`left out "${printable(textOf(path))}": ${why}`);
  }
}

/** Removes what is in the way. @throws {CtrError} `conflict` if it is a folder. */
function makeRoom(path: string): void {
  let found: Deno.FileInfo;
  try {
    found = Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (found.isDirectory) {
    throw new CtrError("conflict", "a folder cannot be replaced by something that is none");
  }
  Deno.removeSync(path);
}

/** Times that this host cannot hold are no reason to fail. */
function ignoringErrors(work: () => void): void {
  try {
    work();
  } catch { /* see above */ }
}

function leadsOutside(path: string): CtrError {
  const shown = printable(textOf(path.slice(0, 200)));
  return new CtrError(
    "bad-data",
    `cannot unpack "${shown}": the archive leads outside of the target`,
  );
}
