/** Where things go: entries of a layer that puts items into a destination of a stage's root. */
import { CtrError } from "../../core/mod.ts";
import { textOf } from "../../tar/mod.ts";
import type { LayerEntry } from "../../unpack/mod.ts";
import { type Lookable, resolvePath } from "../source/resolve.ts";
import { below, nameOf, type SourceNode } from "../source/tree.ts";
import type { Owner } from "./owner.ts";
import type { Item, ItemEntry } from "./select.ts";

export interface PlaceOptions {
  /** Absolute, clean but for a slash at its end, which says that it is a directory. */
  readonly destination: string;
  readonly owner: Owner | undefined;
  readonly chmod: ((mode: number, isDirectory: boolean) => number) | undefined;
  /** Seconds: of everything that is put there. Undefined: files keep theirs. */
  readonly mtime: number | undefined;
  /** Of directories that are made on the way. */
  readonly newMtime: number;
  /** What is in the way goes, as when an archive is unpacked; else a file never replaces a directory. */
  readonly replace: boolean;
  /** Where a disk of the items' contents stands among those of the layer. */
  readonly diskOffset: number;
}

/** A layer in the making, seen together with the stage's root below it. */
export class LayerPlan implements Lookable {
  readonly #stage: Lookable;
  readonly #entries = new Map<string, SourceNode>();

  /** @param stage What lies below; for `--link` something empty. */
  constructor(stage: Lookable) {
    this.#stage = stage;
  }

  lookup(path: string): SourceNode | undefined {
    const own = this.#entries.get(path);
    if (own) return own;
    for (let cut = path.lastIndexOf("/"); cut > 0; cut = path.lastIndexOf("/", cut - 1)) {
      const above = this.#entries.get(path.slice(0, cut));
      if (above && above.type !== "directory") return undefined;
    }
    return this.#stage.lookup(path);
  }

  /** Puts items at a destination, by Docker's rules. */
  place(items: readonly Item[], options: PlaceOptions): void {
    const single = items.length === 1;
    for (const item of items) {
      if (item.isDirectory) this.#placeDirectory(item, options);
      else this.#placeFile(item, options, single);
    }
  }

  /** Makes a directory and its parents. @returns False if it was there. */
  makeDirectory(path: string, mtime: number, owner: Owner = { uid: 0, gid: 0 }): boolean {
    const target = resolvePath(this, path);
    return this.#makeFolders(target, { owner, newMtime: mtime });
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Parents first; names of one file become hard links of the first of them. */
  entries(): LayerEntry[] {
    const first = new Map<string, string>();
    return [...this.#entries].map(([path, node]) => {
      if (node.linkKey !== undefined && node.type === "file") {
        const target = first.get(node.linkKey);
        if (target !== undefined) {
          return { ...entryOf(path, node), type: "hardlink", size: 0, linkTarget: target };
        }
        first.set(node.linkKey, path);
      }
      return entryOf(path, node);
    });
  }

  #placeDirectory(item: Item, options: PlaceOptions): void {
    const target = resolvePath(this, options.destination);
    this.#makeFolders(target, options);
    for (const entry of item.entries) {
      // The directory itself is the destination, which keeps what it is.
      if (entry.path === "" && !options.replace) continue;
      this.#put(entry.path === "" ? target : below(target, entry.path), entry, options);
    }
  }

  #placeFile(item: Item, options: PlaceOptions, single: boolean): void {
    const { destination } = options;
    let target = resolvePath(this, destination);
    const isFolder = /\/\.{0,2}$/.test(destination) || !single || target === "" ||
      this.lookup(target)?.type === "directory";
    if (isFolder) target = below(target, item.name);
    this.#put(target, item.entries[0]!, options);
  }

  #put(path: string, { node }: ItemEntry, options: PlaceOptions): void {
    refuseMark(path);
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    this.#makeFolders(parent, options);
    const there = this.lookup(path);
    const isDirectory = node.type === "directory";
    if (there && isDirectory !== (there.type === "directory")) {
      if (!options.replace) throw inTheWay(path, isDirectory);
      if (!isDirectory) this.#forgetBelow(path);
    }
    const { owner, chmod, mtime, diskOffset } = options;
    const mode = chmod && node.type !== "symlink" ? chmod(node.mode, isDirectory) : node.mode;
    this.#set(path, {
      ...node,
      path,
      mode,
      uid: owner?.uid ?? node.uid,
      gid: owner?.gid ?? node.gid,
      mtime: mtime ?? node.mtime,
      linkKey: node.linkKey && `${diskOffset} ${node.linkKey}`,
      content: node.content?.from === "disk"
        ? { ...node.content, disk: node.content.disk + diskOffset }
        : node.content,
    });
  }

  /** @returns True if anything was made. */
  #makeFolders(path: string, options: Pick<PlaceOptions, "owner" | "newMtime">): boolean {
    if (path === "") return false;
    let at = "";
    let made = false;
    for (const name of path.split("/")) {
      at = below(at, name);
      const there = this.lookup(at);
      if (there?.type === "directory") {
        // What is below an entry shows through it: it must say what the stage says of it.
        if (!this.#entries.has(at)) this.#entries.set(at, { ...there, path: at });
        continue;
      }
      if (there) throw inTheWay(at, true);
      refuseMark(at);
      const { owner, newMtime } = options;
      made = true;
      this.#set(at, {
        ...NEW_FOLDER,
        path: at,
        uid: owner?.uid ?? 0,
        gid: owner?.gid ?? 0,
        mtime: newMtime,
      });
    }
    return made;
  }

  #set(path: string, node: SourceNode): void {
    this.#entries.set(path, node);
  }

  #forgetBelow(path: string): void {
    for (const inner of [...this.#entries.keys()]) {
      if (inner.startsWith(`${path}/`)) this.#entries.delete(inner);
    }
  }
}

const NEW_FOLDER: SourceNode = {
  path: "",
  type: "directory",
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  devMajor: 0,
  devMinor: 0,
  linkTarget: "",
  xattrs: undefined,
  content: undefined,
  linkKey: undefined,
  stamp: undefined,
};

function entryOf(path: string, node: SourceNode): LayerEntry {
  const { type, mode, uid, gid, size, mtime, linkTarget, devMajor, devMinor } = node;
  const { xattrs, content } = node;
  return {
    path,
    type,
    mode,
    uid,
    gid,
    size,
    mtime,
    linkTarget,
    devMajor,
    devMinor,
    xattrs,
    content,
  };
}

/** Layers remove by such names: a file of that name cannot be in one. */
function refuseMark(path: string): void {
  if (!nameOf(path).startsWith(".wh.")) return;
  throw new CtrError(
    "unsupported",
    `cannot copy "${textOf(path)}": in a layer, names that begin with ".wh." mark what is removed`,
    { hint: "leave it out with .dockerignore" },
  );
}

function inTheWay(path: string, wantsDirectory: boolean): CtrError {
  return new CtrError(
    "bad-data",
    wantsDirectory
      ? `cannot copy to "/${textOf(path)}": it is not a directory`
      : `cannot copy to "/${textOf(path)}": it is a directory, and would become a file`,
  );
}
