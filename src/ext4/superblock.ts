/** The superblock, which says what a disk is and which features a reader must know. */
import { crc32c } from "./crc32c.ts";
import {
  BLOCKS_PER_GROUP,
  CHECKSUM_SEED,
  DESCRIPTOR_SIZE,
  FIRST_INODE,
  INODE_SIZE,
  JOURNAL_INODE,
} from "./layout.ts";

export const SUPERBLOCK_OFFSET = 1024;
export const SUPERBLOCK_SIZE = 1024;
/** Of the volume label, within the superblock. */
export const LABEL_OFFSET = 0x78;
export const MAGIC = 0xef53;

export const COMPATIBLE = {
  journal: 0x4,
  xattrs: 0x8,
  directoryIndex: 0x20,
  fewBackups: 0x200,
} as const;
export const INCOMPATIBLE = {
  fileTypes: 0x2,
  recover: 0x4,
  extents: 0x40,
  bits64: 0x80,
  flexGroups: 0x200,
  checksumSeed: 0x2000,
} as const;
export const READ_ONLY_COMPATIBLE = {
  largeFiles: 0x2,
  manyLinks: 0x20,
  extraSize: 0x40,
  checksums: 0x400,
} as const;

export interface Geometry {
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly inodesPerGroup: number;
  readonly groups: number;
  readonly freeInodes: number;
  readonly uuid: Uint8Array;
  readonly label: string;
  /** The journal's inode as 15 words of block map, and its size in bytes. */
  readonly journal: { readonly words: Int32Array; readonly size: number } | undefined;
}

/** The 1024 bytes that stand at 1024. No backups: the disk can be made again, or is thrown away. */
export function encodeSuperblock(g: Geometry): Uint8Array {
  const bytes = new Uint8Array(SUPERBLOCK_SIZE);
  const v = new DataView(bytes.buffer);
  const u32 = (at: number, value: number) => v.setUint32(at, value, true);
  const u16 = (at: number, value: number) => v.setUint16(at, value, true);
  u32(0x00, g.inodesPerGroup * g.groups);
  u32(0x04, g.blocks);
  u32(0x0c, g.freeBlocks);
  u32(0x10, g.freeInodes);
  u32(0x18, 2); // block size: 1024 << 2
  u32(0x1c, 2);
  u32(0x20, BLOCKS_PER_GROUP);
  u32(0x24, BLOCKS_PER_GROUP);
  u32(0x28, g.inodesPerGroup);
  u16(0x36, 0xffff); // never ask for a check by count of mounts
  u16(0x38, MAGIC);
  u16(0x3a, 1); // clean
  u16(0x3c, 1); // on errors go on
  u32(0x4c, 1); // revision with dynamic inode size
  u32(0x54, FIRST_INODE);
  u16(0x58, INODE_SIZE);
  u32(
    0x5c,
    COMPATIBLE.xattrs | COMPATIBLE.directoryIndex | COMPATIBLE.fewBackups |
      (g.journal ? COMPATIBLE.journal : 0),
  );
  u32(
    0x60,
    INCOMPATIBLE.fileTypes | INCOMPATIBLE.extents | INCOMPATIBLE.bits64 | INCOMPATIBLE.flexGroups |
      INCOMPATIBLE.checksumSeed,
  );
  u32(
    0x64,
    READ_ONLY_COMPATIBLE.largeFiles | READ_ONLY_COMPATIBLE.manyLinks |
      READ_ONLY_COMPATIBLE.extraSize |
      READ_ONLY_COMPATIBLE.checksums,
  );
  bytes.set(g.uuid, 0x68);
  for (let i = 0; i < 16 && i < g.label.length; i++) {
    bytes[LABEL_OFFSET + i] = g.label.charCodeAt(i);
  }
  bytes.set(g.uuid, 0xec); // seed of the directory hash
  bytes[0xfc] = 1; // half MD4
  u16(0xfe, DESCRIPTOR_SIZE);
  u32(0x100, 0x0c); // default mount options: user_xattr, acl
  if (g.journal) {
    u32(0xe0, JOURNAL_INODE);
    bytes[0xfd] = 1; // a copy of the journal's inode follows
    for (let i = 0; i < 15; i++) u32(0x10c + 4 * i, g.journal.words[i]!);
    u32(0x10c + 60, Math.floor(g.journal.size / 0x1_0000_0000));
    u32(0x10c + 64, g.journal.size);
  }
  u16(0x15c, 32); // least and wanted extra inode size
  u16(0x15e, 32);
  u32(0x160, 2); // the directory hash takes bytes as unsigned
  bytes[0x174] = 4; // 2^4 groups to a flexible one
  bytes[0x175] = 1; // CRC-32C
  u32(0x270, CHECKSUM_SEED);
  u32(0x3fc, crc32c(-1, bytes, 0, 0x3fc));
  return bytes;
}

/** The UUID's hash seed as the words that {@linkcode directoryHash} takes. */
export function hashSeedOf(uuid: Uint8Array): Int32Array {
  return new Int32Array(uuid.slice(0, 16).buffer);
}

/** A JBD2 journal that has never been used: its superblock, big-endian. The rest of it may be anything. */
export function encodeJournal(blocks: number, uuid: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1024);
  const v = new DataView(bytes.buffer);
  v.setUint32(0x00, 0xc03b3998);
  v.setUint32(0x04, 4); // superblock, version 2
  v.setUint32(0x0c, 4096);
  v.setUint32(0x10, blocks);
  v.setUint32(0x14, 1); // first block of the log
  v.setUint32(0x18, 1); // first sequence number; start 0 says: nothing to replay
  bytes.set(uuid, 0x30);
  v.setUint32(0x40, 1); // users
  return bytes;
}

export function parseUuid(uuid: string): Uint8Array {
  const digits = uuid.replaceAll("-", "");
  if (!/^[0-9a-fA-F]{32}$/.test(digits)) throw new TypeError(`not a UUID: ${uuid}`);
  return Uint8Array.from(digits.match(/../g)!, (pair) => parseInt(pair, 16));
}
