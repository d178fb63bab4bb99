/** What a layer is made of, as it is sent to a worker. */
import type { TarType } from "../tar/mod.ts";
import type { IgnoredNames } from "./types.ts";

/** A folder of a disk, seen as a root. */
export interface DiskFolder {
  /** Path of the disk on the host. */
  readonly disk: string;
  /** Clean and relative. Default: the disk's root. */
  readonly folder?: string | undefined;
}

/** Where a file's bytes come from. */
export type FileContent =
  /** A file of the host. `inode` is what was looked at: another one under the name is refused. */
  | { readonly from: "host"; readonly path: string; readonly inode: number | undefined }
  /** An inode of one of the `disks` of the content. */
  | { readonly from: "disk"; readonly disk: number; readonly inode: number }
  | { readonly from: "bytes"; readonly bytes: Uint8Array };

/** An entry of a layer. Names are binary strings, a character per byte. */
export interface LayerEntry {
  /** Clean and relative; empty for the root, which must be a directory. */
  readonly path: string;
  readonly type: TarType | "whiteout" | "opaque";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of files. One that has another size by now is refused. */
  readonly size: number;
  /** Whole seconds. */
  readonly mtime: number;
  readonly linkTarget?: string | undefined;
  readonly devMajor?: number | undefined;
  readonly devMinor?: number | undefined;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
  /** Of files that are not empty. */
  readonly content?: FileContent | undefined;
}

export type LayerContent =
  /** What `upper` changes of what lies below it. */
  | {
    readonly kind: "changes";
    /** The bottom first. */
    readonly lowers: readonly DiskFolder[];
    readonly upper: DiskFolder;
    readonly ignored?: IgnoredNames | undefined;
  }
  | {
    readonly kind: "entries";
    /** Parents first. */
    readonly entries: readonly LayerEntry[];
    /** Paths of disks that contents refer to by their place here. */
    readonly disks: readonly string[];
  }
  /** The archive of another layer, with its times cut down to `latestMtime`. */
  | {
    readonly kind: "archive";
    /** Of the blob, compressed or not. */
    readonly path: string;
    /** Seconds since 1970. Undefined: as they are. */
    readonly latestMtime: number | undefined;
  };

/** A file whose digest is wanted. */
export interface DigestedFile {
  /** For errors. */
  readonly path: string;
  readonly size: number;
  readonly content: FileContent;
}
