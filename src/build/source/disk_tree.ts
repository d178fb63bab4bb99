/** Layer disks together, as a source: a stage, an image, an archive. Or as what a layer is put upon. */
import type { IgnoreMatcher } from "../../dockerfile/mod.ts";
import { textOf } from "../../tar/mod.ts";
import { type DiskFolder, DiskStack, type StackNode } from "../../unpack/mod.ts";
import type { SourceNode, SourceTree } from "./tree.ts";

export class DiskTree implements SourceTree {
  readonly disks: readonly string[];
  readonly identity: string | undefined;
  readonly #stack: DiskStack;
  readonly #owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly #ignore: IgnoreMatcher | undefined;
  readonly #folders = new Map<string, readonly SourceNode[]>();

  /**
   * @param folders The bottom first.
   * @param owner Of everything: a context's files are root's, whatever its archive says.
   * @param identity See {@linkcode SourceTree}; the disks are those of this name forever.
   */
  constructor(
    folders: readonly DiskFolder[],
    { owner, identity, ignore }: {
      readonly owner?: { readonly uid: number; readonly gid: number };
      readonly identity?: string | undefined;
      readonly ignore?: IgnoreMatcher | undefined;
    } = {},
  ) {
    this.#ignore = ignore?.some ? ignore : undefined;
    this.disks = folders.map(({ disk }) => disk);
    this.identity = identity;
    this.#owner = owner;
    this.#stack = new DiskStack(folders);
  }

  lookup(path: string): SourceNode | undefined {
    const node = this.#stack.lookup(path);
    if (node) return this.#isVisible(node) ? this.#node(node) : undefined;
    return path === "" ? EMPTY_ROOT : undefined;
  }

  children(path: string): readonly SourceNode[] {
    let nodes = this.#folders.get(path);
    if (!nodes) {
      nodes = [...this.#stack.children(path).values()]
        .filter((node) => node.inode.type !== "socket" && this.#isVisible(node))
        .map((node) => this.#node(node));
      this.#folders.set(path, nodes);
    }
    return nodes;
  }

  /** A small file's bytes, links not followed. */
  readFile(path: string, maxBytes: number): Uint8Array | undefined {
    const node = this.#stack.lookup(path);
    return node?.inode.type === "file" ? this.#stack.readFile(node, maxBytes) : undefined;
  }

  [Symbol.dispose](): void {
    this.#folders.clear();
    this.#stack[Symbol.dispose]();
  }

  /** A directory that is left out shows when something in it does not. */
  #isVisible({ path, inode }: StackNode): boolean {
    if (!this.#ignore || path === "" || !this.#ignore.ignores(textOf(path))) return true;
    if (inode.type !== "directory" || this.#ignore.prunes(textOf(path))) return false;
    return this.#stack.children(path).values().some((node) => this.#isVisible(node));
  }

  #node(found: StackNode): SourceNode {
    const { inode, disk, path } = found;
    const type = inode.type === "socket" ? "fifo" : inode.type;
    const isFile = type === "file";
    return {
      path,
      type,
      mode: inode.mode,
      uid: this.#owner?.uid ?? inode.uid,
      gid: this.#owner?.gid ?? inode.gid,
      size: isFile ? inode.size : 0,
      mtime: inode.mtime,
      devMajor: inode.devMajor,
      devMinor: inode.devMinor,
      linkTarget: type === "symlink" ? this.#stack.readLink(found) : "",
      xattrs: inode.xattrs.size > 0 ? inode.xattrs : undefined,
      content: isFile ? { from: "disk", disk, inode: inode.inode } : undefined,
      linkKey: isFile && inode.links > 1 ? `${disk}:${inode.inode}` : undefined,
      // A disk is never changed in place: its place and inode are enough.
      stamp: isFile
        ? { size: inode.size, mtimeMs: inode.mtime, ctimeMs: disk, inode: inode.inode }
        : undefined,
    };
  }
}

/** Of `FROM scratch`. */
const EMPTY_ROOT: SourceNode = {
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
