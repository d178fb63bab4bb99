/**
 * The tables that say what is in use: bitmaps, inode tables, group descriptors. All stand in one piece
 * behind the content (flexible groups allow that), because their size is known only at the end.
 *
 * ```text
 * 0 superblock | 1 descriptors, with room | content | journal | block bitmaps | inode bitmaps | inode tables | free
 * ```
 */
import { CtrError } from "../core/mod.ts";
import type { BlockOutput } from "./block_output.ts";
import { crc32c, crc32cWord } from "./crc32c.ts";
import type { InodeTable } from "./inode_table.ts";
import {
  BLOCK_SIZE,
  BLOCK_UNINIT,
  BLOCKS_PER_GROUP,
  CHECKSUM_SEED,
  DESCRIPTOR_SIZE,
  DESCRIPTORS_PER_BLOCK,
  FIRST_INODE,
  INODE_SIZE,
  INODE_UNINIT,
  INODE_ZEROED,
  INODES_PER_BLOCK,
} from "./layout.ts";

export interface GroupPlan {
  readonly groups: number;
  readonly blocks: number;
  readonly inodesPerGroup: number;
  /** Blocks of one group's inode table. */
  readonly tableBlocks: number;
  /** First block of the tables, and the first behind them. */
  readonly start: number;
  readonly end: number;
}

/**
 * Chooses how many groups, and inodes in each.
 *
 * @param start First block that is not content. @param minBlocks Blocks of the whole, at least.
 * @param maxGroups What the room for descriptors holds.
 */
export function planGroups(
  start: number,
  inodes: number,
  minBlocks: number,
  maxGroups: number,
): GroupPlan {
  let groups = Math.max(1, Math.ceil(Math.max(start, minBlocks) / BLOCKS_PER_GROUP));
  for (;; groups++) {
    const perGroup = Math.ceil(inodes / groups / INODES_PER_BLOCK) * INODES_PER_BLOCK;
    if (groups > maxGroups) {
      throw new CtrError(
        "too-large",
        `write ext4: the content needs more than ${maxGroups / 8} GiB`,
      );
    }
    if (perGroup > BLOCKS_PER_GROUP) continue; // one bitmap block
    const tableBlocks = perGroup / INODES_PER_BLOCK;
    const end = start + groups * (2 + tableBlocks);
    // Enough blocks that the last group exists.
    const blocks = Math.max(end, minBlocks, (groups - 1) * BLOCKS_PER_GROUP + 1);
    if (blocks <= groups * BLOCKS_PER_GROUP) {
      return { groups, blocks, inodesPerGroup: perGroup, tableBlocks, start, end };
    }
  }
}

/** Free runs of blocks in rising order: start, end, start, end, … */
export type FreeRuns = readonly number[];

/** Adds up what {@linkcode writeGroups} wrote, and the descriptors. */
export interface GroupsWritten {
  readonly descriptors: Uint8Array;
  readonly freeBlocks: number;
  readonly freeInodes: number;
}

/**
 * Writes bitmaps and inode tables at `plan.start`.
 *
 * Groups that are free altogether get no bitmaps, and inodes that were never used no table: their
 * descriptors say so, and the file has holes there.
 */
export function writeGroups(
  plan: GroupPlan,
  inodes: InodeTable,
  free: FreeRuns,
  output: BlockOutput,
): GroupsWritten {
  const descriptors = new Uint8Array(Math.ceil(plan.groups / DESCRIPTORS_PER_BLOCK) * BLOCK_SIZE);
  const v = new DataView(descriptors.buffer);
  let freeBlocks = 0;
  let cursor = 0;
  for (let g = 0; g < plan.groups; g++) {
    const first = g * BLOCKS_PER_GROUP;
    const at = g * DESCRIPTOR_SIZE;
    v.setUint32(at, plan.start + g, true);
    v.setUint32(at + 4, plan.start + plan.groups + g, true);
    v.setUint32(at + 8, plan.start + 2 * plan.groups + g * plan.tableBlocks, true);
    const size = Math.min(BLOCKS_PER_GROUP, plan.blocks - first);
    while (cursor < free.length && free[cursor + 1]! <= first) cursor += 2;
    let flags = INODE_ZEROED;
    let count = size;
    if (first >= plan.end && g < plan.groups - 1) {
      flags |= BLOCK_UNINIT;
    } else {
      output.skipTo(plan.start + g);
      const bitmap = output.take(1);
      count = fillBlockBitmap(bitmap, first, size, free, cursor);
      const crc = crc32c(CHECKSUM_SEED, bitmap);
      v.setUint16(at + 0x18, crc & 0xffff, true);
      v.setUint16(at + 0x38, crc >>> 16, true);
    }
    freeBlocks += count;
    v.setUint16(at + 0x0c, count & 0xffff, true);
    v.setUint16(at + 0x2c, count >>> 16, true);
    v.setUint16(at + 0x12, flags, true);
  }
  const freeInodes = writeInodes(plan, inodes, output, v);
  for (let g = 0; g < plan.groups; g++) {
    const at = g * DESCRIPTOR_SIZE;
    const crc = crc32c(crc32cWord(CHECKSUM_SEED, g), descriptors, at, at + DESCRIPTOR_SIZE);
    v.setUint16(at + 0x1e, crc & 0xffff, true);
  }
  return { descriptors, freeBlocks, freeInodes };
}

/** Sets the bits of blocks in use; those past the end of the disk count as used. @returns Free blocks. */
function fillBlockBitmap(
  bitmap: Uint8Array,
  first: number,
  size: number,
  free: FreeRuns,
  cursor: number,
): number {
  bitmap.fill(0xff);
  let count = 0;
  for (let i = cursor; i < free.length && free[i]! < first + size; i += 2) {
    const from = Math.max(free[i]! - first, 0);
    const to = Math.min(free[i + 1]! - first, size);
    clearBits(bitmap, from, to);
    count += to - from;
  }
  return count;
}

function clearBits(bitmap: Uint8Array, from: number, to: number): void {
  while (from < to && from % 8 !== 0) clearBit(bitmap, from++);
  while (to > from && to % 8 !== 0) clearBit(bitmap, --to);
  bitmap.fill(0, from / 8, to / 8);
}

function clearBit(bitmap: Uint8Array, bit: number): void {
  bitmap[bit >> 3]! &= ~(1 << (bit & 7));
}

function writeInodes(
  plan: GroupPlan,
  inodes: InodeTable,
  output: BlockOutput,
  v: DataView,
): number {
  let freeInodes = 0;
  for (let g = 0; g < plan.groups; g++) {
    const at = g * DESCRIPTOR_SIZE;
    const first = g * plan.inodesPerGroup + 1;
    const used = Math.max(0, Math.min(inodes.last - first + 1, plan.inodesPerGroup));
    let free = plan.inodesPerGroup;
    if (used === 0) {
      v.setUint16(at + 0x12, v.getUint16(at + 0x12, true) | INODE_UNINIT, true);
    } else {
      output.skipTo(plan.start + plan.groups + g);
      const bitmap = output.take(1);
      bitmap.fill(0xff);
      clearBits(bitmap, 0, plan.inodesPerGroup);
      let directories = 0;
      for (let i = 0; i < used; i++) {
        const inode = first + i;
        if (inode >= FIRST_INODE && inodes.get(inode, "mode") === 0) continue;
        bitmap[i >> 3]! |= 1 << (i & 7);
        free--;
        if (inodes.isDirectory(inode)) directories++;
      }
      const crc = crc32c(CHECKSUM_SEED, bitmap, 0, plan.inodesPerGroup / 8);
      v.setUint16(at + 0x1a, crc & 0xffff, true);
      v.setUint16(at + 0x3a, crc >>> 16, true);
      v.setUint16(at + 0x10, directories & 0xffff, true);
      v.setUint16(at + 0x30, directories >>> 16, true);
    }
    freeInodes += free;
    v.setUint16(at + 0x0e, free & 0xffff, true);
    v.setUint16(at + 0x2e, free >>> 16, true);
    v.setUint16(at + 0x1c, (plan.inodesPerGroup - used) & 0xffff, true);
    v.setUint16(at + 0x32, (plan.inodesPerGroup - used) >>> 16, true);
  }
  writeTables(plan, inodes, output);
  return freeInodes;
}

function writeTables(plan: GroupPlan, inodes: InodeTable, output: BlockOutput): void {
  for (let first = 1; first <= inodes.last; first += INODES_PER_BLOCK) {
    if (first === 1) output.skipTo(plan.start + 2 * plan.groups); // the tables of all groups are one piece
    const block = output.take(1);
    const end = Math.min(first + INODES_PER_BLOCK - 1, inodes.last);
    for (let inode = first; inode <= end; inode++) {
      inodes.encode(inode, block, (inode - first) * INODE_SIZE);
    }
  }
}
