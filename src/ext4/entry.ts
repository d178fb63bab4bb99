/** What goes into a file system, how it is made, and what came of it. */

export type Ext4Type =
  | "file"
  | "hardlink"
  | "symlink"
  | "char"
  | "block"
  | "directory"
  | "fifo"
  | "socket";

/** What goes into a file system. All strings are binary strings: a character per byte. */
export interface Ext4Entry {
  readonly path: string;
  readonly type: Ext4Type;
  /** The low 12 bits count. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes that will be written after this, for files. */
  readonly size: number;
  readonly mtime: number;
  readonly mtimeNs: number;
  /** Default: as `mtime`. */
  readonly atime?: number | undefined;
  readonly atimeNs?: number | undefined;
  readonly linkTarget: string;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array> | undefined;
}

export interface Ext4WriterOptions {
  /**
   * What the guest sees, a multiple of 4096, with an inode for every 16 KiB of it. Default: what the
   * content needs.
   */
  readonly capacityBytes?: number;
  /** A journal, for disks that will be written to. Default false. */
  readonly journal?: boolean;
  /** Of the journal, a multiple of 4096: 4 MiB to 512 MiB. Default: by the capacity. */
  readonly journalBytes?: number;
  /** `lost+found`, which `e2fsck` wants on disks that will be written to. Default: as `journal`. */
  readonly lostAndFound?: boolean;
  /** At most 16 bytes. */
  readonly label?: string;
}

export interface Ext4Summary {
  /** Blocks of 4096 bytes in use, metadata included. */
  readonly blocks: number;
  /** Inodes in use, without the reserved ones. */
  readonly inodes: number;
  /** The file's length. */
  readonly sizeBytes: number;
}
