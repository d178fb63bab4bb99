/** What several layer disks show together, looked at name by name. Calls answer at once: for small looks. */
import { CtrError } from "../core/mod.ts";
import { type Ext4Inode, type Ext4Reader, openExt4, type Piece } from "../ext4/mod.ts";
import type { DiskFolder } from "./layer_content.ts";
import { isWhiteout, joined, namesIn, type Part, resolve } from "./overlay.ts";

/** A name as it shows. */
export interface StackNode {
  /** Clean and relative, a character per byte; the root is empty. */
  readonly path: string;
  readonly inode: Ext4Inode;
  /** Place of its disk among those that were opened. */
  readonly disk: number;
}

interface Known extends StackNode {
  readonly parts: readonly Part[];
}

export class DiskStack implements Disposable {
  readonly #readers: Ext4Reader[] = [];
  readonly #files: Deno.FsFile[] = [];
  readonly #root: Known | undefined;
  readonly #folders = new Map<string, ReadonlyMap<string, Known>>();

  /** @param folders The bottom first. @throws {CtrError} `bad-data` for a damaged disk. */
  constructor(folders: readonly DiskFolder[]) {
    try {
      const parts = folders.map((folder): Part => this.#open(folder)).reverse();
      const merged = resolve(parts).parts;
      this.#root = merged[0] && { path: "", ...shown(merged) };
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Undefined if there are no disks at all. */
  root(): StackNode | undefined {
    return this.#root;
  }

  /** Follows a clean path from the root; symbolic links are not followed. */
  lookup(path: string): StackNode | undefined {
    let at = this.#root;
    if (path === "") return at;
    for (const name of path.split("/")) {
      if (at?.inode.type !== "directory") return undefined;
      at = this.#names(at).get(name);
    }
    return at;
  }

  /** What is in a directory, by name, in byte order. */
  children(path: string): ReadonlyMap<string, StackNode> {
    const node = this.lookup(path) as Known | undefined;
    return node?.inode.type === "directory" ? this.#names(node) : new Map();
  }

  readLink({ disk, inode }: StackNode): string {
    return this.#readers[disk]!.readLink(inode);
  }

  /** @throws {CtrError} `too-large` over `maxBytes`. */
  readFile({ disk, inode }: StackNode, maxBytes: number): Uint8Array {
    return this.#readers[disk]!.readAll(inode, maxBytes);
  }

  /** A file's content in order. Bytes are valid until the next piece. */
  pieces({ disk, inode }: StackNode): Iterable<Piece> {
    return this.#readers[disk]!.pieces(inode);
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.splice(0)) file.close();
  }

  #open({ disk, folder }: DiskFolder): Part {
    const file = Deno.openSync(disk, { read: true });
    this.#files.push(file);
    const reader = openExt4(file);
    const layer = this.#readers.push(reader) - 1;
    const inode = reader.lookup(folder ?? "");
    if (inode?.type === "directory") return { layer, inode };
    throw new CtrError("bad-data", `the disk has no folder "${folder ?? "/"}"`);
  }

  #names(folder: Known): ReadonlyMap<string, Known> {
    const known = this.#folders.get(folder.path);
    if (known) return known;
    const names = new Map<string, Known>();
    for (const [name, candidates] of namesIn(this.#readers, folder)) {
      const { parts } = resolve(candidates);
      if (isWhiteout(parts[0]!.inode)) continue;
      names.set(name, { path: joined(folder.path, name), ...shown(parts) });
    }
    this.#folders.set(folder.path, names);
    return names;
  }
}

function shown(parts: readonly Part[]) {
  const { inode, layer } = parts[0]!;
  return { inode, disk: layer, parts };
}
