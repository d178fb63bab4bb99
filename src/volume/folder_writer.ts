import { dirname, join } from "node:path";
import { CtrError } from "../core/mod.ts";
import type { Ext4Entry } from "../ext4/mod.ts";
import { binaryOf, textOf } from "../tar/mod.ts";
import type { EntrySink } from "./entries.ts";

/**
 * Writes entries into a folder of the host that is empty and that nobody else can reach.
 *
 * Nothing is written through a link: what is in the folder was made here, so it is known what each path is.
 * Owners are set where the host lets us (as root); extended attributes, devices and sockets are left out.
 */
export class FolderWriter implements EntrySink, Disposable {
  readonly #root: string;
  readonly #types = new Map<string, Ext4Entry["type"]>([["", "directory"]]);
  /** Directories get their mode and times last, or nothing could be written into them. */
  readonly #directories: Ext4Entry[] = [];
  readonly #mayOwn = Deno.uid() === 0;
  #file: Deno.FsFile | undefined;
  #current: Ext4Entry | undefined;
  /** Entries that a folder cannot hold. */
  skipped = 0;

  constructor(root: string) {
    this.#root = root;
  }

  add(entry: Ext4Entry): void {
    this.#close();
    const path = entry.path;
    if (binaryOf(textOf(path)) !== path) {
      throw new CtrError("unsupported", `cannot write "${textOf(path)}": its name is not UTF-8`);
    }
    this.#makeParents(path);
    const existing = this.#types.get(path);
    if (entry.type === "directory" && existing === "directory") {
      this.#directories.push(entry);
      return;
    }
    if (existing !== undefined) {
      if (path === "") throw new CtrError("bad-data", "cannot write: the root would be no folder");
      this.#forget(path);
      Deno.removeSync(this.#place(path), { recursive: true });
    }
    if (this.#make(entry)) this.#types.set(path, entry.type === "hardlink" ? "file" : entry.type);
    else this.skipped++;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += this.#file!.writeSync(bytes.subarray(at));
  }

  hole(length: number): void {
    // The file has its length already, and what is passed over reads as zeros.
    this.#file!.seekSync(length, Deno.SeekMode.Current);
  }

  /** Gives folders their modes and times, the deepest first. */
  finish(): void {
    this.#close();
    const last = new Map(this.#directories.map((entry) => [entry.path, entry]));
    for (const entry of [...last.values()].sort((a, b) => b.path.length - a.path.length)) {
      this.#describe(entry);
    }
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #make(entry: Ext4Entry): boolean {
    const place = this.#place(entry.path);
    switch (entry.type) {
      case "directory":
        Deno.mkdirSync(place, { mode: 0o700 });
        this.#directories.push(entry);
        return true;
      case "file":
        this.#file = Deno.openSync(place, { write: true, createNew: true, mode: 0o600 });
        this.#file.truncateSync(entry.size);
        this.#current = entry;
        return true;
      case "symlink":
        Deno.symlinkSync(textOf(entry.linkTarget), place);
        return true;
      case "hardlink":
        if (this.#types.get(entry.linkTarget) !== "file") {
          throw new CtrError(
            "bad-data",
            `cannot write "${textOf(entry.path)}": it links to "${
              textOf(entry.linkTarget)
            }", which is no ` +
              "file of the archive",
          );
        }
        Deno.linkSync(this.#place(entry.linkTarget), place);
        return true;
      default:
        return false;
    }
  }

  #makeParents(path: string): void {
    const parent = dirname(path);
    if (path === "" || parent === ".") return;
    const type = this.#types.get(parent);
    if (type === "directory") return;
    if (type !== undefined) {
      throw new CtrError(
        "bad-data",
        `cannot write "${textOf(path)}": "${textOf(parent)}" is no folder`,
      );
    }
    this.#makeParents(parent);
    Deno.mkdirSync(this.#place(parent), { mode: 0o755 });
    this.#types.set(parent, "directory");
  }

  #forget(path: string): void {
    for (const each of this.#types.keys()) {
      if (each === path || each.startsWith(`${path}/`)) this.#types.delete(each);
    }
  }

  #close(): void {
    this.#file?.close();
    this.#file = undefined;
    if (this.#current) this.#describe(this.#current);
    this.#current = undefined;
  }

  #describe({ path, uid, gid, mode, mtime, mtimeNs }: Ext4Entry): void {
    const place = this.#place(path);
    if (this.#mayOwn) Deno.chownSync(place, uid, gid);
    Deno.chmodSync(place, mode & 0o7777);
    const at = mtime + mtimeNs / 1e9;
    Deno.utimeSync(place, new Date(at * 1000), new Date(at * 1000));
  }

  #place(path: string): string {
    return join(this.#root, textOf(path));
  }
}
