/**
 * What COPY and ADD read: a folder of the host, disks of a stage, an image or an archive, or texts.
 *
 * Paths are clean, relative, binary strings: a character per byte. Symbolic links are not followed here, so a
 * path never leaves its tree; see `resolve.ts` for those who follow them within it.
 */
import type { FileContent } from "../../unpack/mod.ts";

export type NodeType = "file" | "directory" | "symlink" | "char" | "block" | "fifo";

export interface SourceNode {
  readonly path: string;
  readonly type: NodeType;
  /** The low 12 bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of files, else 0. */
  readonly size: number;
  /** Whole seconds. */
  readonly mtime: number;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly linkTarget: string;
  readonly xattrs: ReadonlyMap<string, Uint8Array> | undefined;
  /** Of files. `disk` counts in the tree's `disks`. */
  readonly content: FileContent | undefined;
  /** The same for all names of a file that has several. */
  readonly linkKey: string | undefined;
  /** What its content is remembered by; undefined where it is not worth it. */
  readonly stamp: Stamp | undefined;
}

/** Equal as long as the file's content is. Times in milliseconds. */
export interface Stamp {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly inode: number;
}

export interface SourceTree extends Disposable {
  /** Names the tree in the table of digests: of a folder its path. Undefined: nothing is remembered. */
  readonly identity: string | undefined;
  /** Paths of the disks that contents refer to. */
  readonly disks: readonly string[];
  /** Undefined if there is no such path, or it is left out. Empty: the root, a directory. */
  lookup(path: string): SourceNode | undefined;
  /** What is in a directory, in byte order; nothing if it is none. */
  children(path: string): readonly SourceNode[];
}

/** The last part of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function below(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

export function byteOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
