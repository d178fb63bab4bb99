/** A folder of the host, read in place. What is left out is not even looked at. */
import { CtrError } from "../../core/mod.ts";
import type { IgnoreMatcher } from "../../dockerfile/mod.ts";
import { binaryOf, textOf } from "../../tar/mod.ts";
import { below, byteOrder, type NodeType, type SourceNode, type SourceTree } from "./tree.ts";

/** Folders whose names are remembered at once. */
const MOST_FOLDERS = 100_000;

export interface FolderTreeOptions {
  readonly ignore?: IgnoreMatcher | undefined;
  /** Owners as the host has them; default: all is root's, as of a context. */
  readonly owners?: boolean;
  /** Of all files and folders instead of their own; what a build fetches has none that is worth keeping. */
  readonly mtime?: number | undefined;
  /** False: content is not remembered, because the folder does not last. Default true. */
  readonly lasting?: boolean;
}

export class FolderTree implements SourceTree {
  readonly disks: readonly string[] = [];
  readonly identity: string | undefined;
  readonly #root: string;
  readonly #options: FolderTreeOptions;
  readonly #folders = new Map<string, readonly SourceNode[]>();

  /** @param root Absolute, without links: where it is told once what it is, it stays that. */
  constructor(root: string, options: FolderTreeOptions = {}) {
    this.#root = root;
    this.#options = options;
    this.identity = options.lasting === false ? undefined : `folder:${root}`;
  }

  lookup(path: string): SourceNode | undefined {
    if (path === "") return this.#look("");
    let folder = "";
    const names = path.split("/");
    for (const name of names.slice(0, -1)) {
      folder = below(folder, name);
      if (!this.#isFolder(folder)) return undefined;
    }
    return this.#visible(this.#look(path));
  }

  children(path: string): readonly SourceNode[] {
    const known = this.#folders.get(path);
    if (known) return known;
    if (this.lookup(path)?.type !== "directory") return [];
    const names = this.#names(path).map(binaryOf).sort(byteOrder);
    const nodes = names.flatMap((name) => {
      const inner = below(path, name);
      if (this.#prunes(inner)) return [];
      return this.#visible(this.#look(inner)) ?? [];
    });
    if (this.#folders.size > MOST_FOLDERS) this.#folders.clear();
    this.#folders.set(path, nodes);
    return nodes;
  }

  [Symbol.dispose](): void {
    this.#folders.clear();
  }

  #names(path: string): string[] {
    try {
      return [...Deno.readDirSync(this.#host(path))].map(({ name }) => name);
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  /** Not asked of files that are to be looked at anyway: a directory may hold what is not left out. */
  #prunes(path: string): boolean {
    const { ignore } = this.#options;
    return ignore !== undefined && ignore.some && ignore.prunes(textOf(path));
  }

  #visible(node: SourceNode | undefined): SourceNode | undefined {
    const { ignore } = this.#options;
    if (!node || node.path === "" || !ignore?.some || !ignore.ignores(textOf(node.path))) {
      return node;
    }
    if (node.type !== "directory" || ignore.prunes(textOf(node.path))) return undefined;
    return this.#names(node.path).some((name) => {
        const inner = below(node.path, binaryOf(name));
        return this.#visible(this.#look(inner)) !== undefined;
      })
      ? node
      : undefined;
  }

  #isFolder(path: string): boolean {
    try {
      return Deno.lstatSync(this.#host(path)).isDirectory;
    } catch (error) {
      if (isMissing(error)) return false;
      throw unreadable(path, error);
    }
  }

  #look(path: string): SourceNode | undefined {
    const host = this.#host(path);
    try {
      const info = Deno.lstatSync(host);
      const type = typeOf(info);
      return type && this.#node(path, host, info, type);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw unreadable(path, error);
    }
  }

  #node(path: string, host: string, info: Deno.FileInfo, type: NodeType): SourceNode {
    const { owners = false, mtime } = this.#options;
    const isFile = type === "file";
    const inode = info.ino ?? 0;
    const rdev = type === "char" || type === "block" ? info.rdev ?? 0 : 0;
    return {
      path,
      type,
      mode: (info.mode ?? 0o644) & 0o7777,
      uid: owners ? info.uid ?? 0 : 0,
      gid: owners ? info.gid ?? 0 : 0,
      size: isFile ? info.size : 0,
      mtime: mtime ?? Math.floor((info.mtime?.getTime() ?? 0) / 1000),
      devMajor: rdev >>> 8 & 0xfff,
      devMinor: rdev & 0xff | (rdev / 4096 & 0xfff00),
      linkTarget: type === "symlink" ? binaryOf(Deno.readLinkSync(host)) : "",
      xattrs: undefined,
      content: isFile ? { from: "host", path: host, inode: info.ino ?? undefined } : undefined,
      linkKey: isFile && (info.nlink ?? 1) > 1 ? `${info.dev}:${inode}` : undefined,
      stamp: isFile
        ? {
          size: info.size,
          mtimeMs: info.mtime?.getTime() ?? 0,
          ctimeMs: info.ctime?.getTime() ?? 0,
          inode,
        }
        : undefined,
    };
  }

  #host(path: string): string {
    return path === "" ? this.#root : `${this.#root}/${textOf(path)}`;
  }
}

/** Sockets are nobody's without their process. */
function typeOf(info: Deno.FileInfo): NodeType | undefined {
  if (info.isFile) return "file";
  if (info.isDirectory) return "directory";
  if (info.isSymlink) return "symlink";
  if (info.isFifo) return "fifo";
  if (info.isCharDevice) return "char";
  return info.isBlockDevice ? "block" : undefined;
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

function unreadable(path: string, error: unknown): unknown {
  if (error instanceof Deno.errors.PermissionDenied) {
    return new CtrError("denied", `cannot read "${textOf(path)}" of the context: no permission`, {
      hint: "leave it out with .dockerignore, or make it readable",
      cause: error,
    });
  }
  return error;
}
