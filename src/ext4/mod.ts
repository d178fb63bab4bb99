/**
 * ext4 from bytes alone: a streaming writer, an empty writable disk, and a reader that trusts nothing.
 *
 * Names, targets and paths are binary strings, a character per byte.
 *
 * @module
 */
export { makeEmptyExt4 } from "./make_empty.ts";
export type { EmptyExt4Options } from "./make_empty.ts";
export { Ext4Writer } from "./writer.ts";
export type { Ext4Entry, Ext4Summary, Ext4Type, Ext4WriterOptions } from "./entry.ts";
export type { OutputFile } from "./block_output.ts";
export { cleanPath } from "./paths.ts";
export { readLabel } from "./label.ts";
export { parseUuid } from "./superblock.ts";
export { Ext4Reader, openExt4 } from "./reader.ts";
export type { Ext4Inode, Ext4Name } from "./reader.ts";
export type { InputFile, Superblock } from "./image.ts";
export type { Extent, Piece } from "./extent_reader.ts";
export { checkExt4 } from "./check.ts";
export type { Ext4Check } from "./check.ts";
export { needsRecovery, recoverExt4 } from "./journal.ts";
export type { RecoveryFile } from "./journal.ts";
export { walkExt4 } from "./walk.ts";
export type { WalkedEntry } from "./walk.ts";
