/**
 * Extents: which blocks of the disk hold which blocks of a file. Up to four stand in the inode; more become
 * a tree whose blocks are written right behind the file's own.
 *
 * ```text
 * header 12: magic u16, entries u16, capacity u16, depth u16, generation u32
 * leaf 12:   logical u32, length u16, physical high u16, physical low u32
 * index 12:  logical u32, child low u32, child high u16, unused u16
 * ```
 */
import { crc32c, crc32cWord } from "./crc32c.ts";
import type { BlockOutput } from "./block_output.ts";
import { BLOCK_SIZE, CHECKSUM_SEED, MAX_EXTENT_BLOCKS } from "./layout.ts";

const MAGIC = 0xf30a;
const IN_INODE = 4;
const IN_BLOCK = Math.floor((BLOCK_SIZE - 12 - 4) / 12);

/** A file's runs: logical block, physical block, blocks; logical blocks rise. */
export class Runs {
  readonly values: number[] = [];

  add(logical: number, physical: number, blocks: number): void {
    const v = this.values;
    const last = v.length - 3;
    if (
      last >= 0 && v[last]! + v[last + 2]! === logical && v[last + 1]! + v[last + 2]! === physical
    ) {
      v[last + 2]! += blocks;
    } else {
      v.push(logical, physical, blocks);
    }
  }

  /** True if one run from the start is all there is, and short enough for an inode. */
  get simple(): boolean {
    const v = this.values;
    return v.length === 0 || v.length === 3 && v[0] === 0 && v[2]! <= IN_INODE * MAX_EXTENT_BLOCKS;
  }
}

/** Writes one run of at most 4 × 32768 blocks as the extents of an inode, at word `at`. */
export function inlineExtents(w: Int32Array, at: number, first: number, blocks: number): void {
  const count = Math.ceil(blocks / MAX_EXTENT_BLOCKS);
  w[at] = MAGIC | count << 16;
  w[at + 1] = IN_INODE;
  for (let i = 0; i < count; i++) {
    const logical = i * MAX_EXTENT_BLOCKS;
    w[at + 3 + 3 * i] = logical;
    w[at + 4 + 3 * i] = Math.min(blocks - logical, MAX_EXTENT_BLOCKS);
    w[at + 5 + 3 * i] = first + logical;
  }
}

interface Node {
  readonly logical: number;
  readonly physical: number;
  readonly length: number;
}

/**
 * Writes the blocks of a tree to `output`.
 *
 * @returns The 60 bytes for the inode, and how many blocks were written.
 */
export function writeExtentTree(
  inode: number,
  runs: Runs,
  output: BlockOutput,
): { readonly root: Uint8Array; readonly blocks: number } {
  let nodes = splitRuns(runs);
  const start = output.block;
  let depth = 0;
  for (; nodes.length > IN_INODE; depth++) {
    const parents: Node[] = [];
    for (let i = 0; i < nodes.length; i += IN_BLOCK) {
      const physical = output.block;
      const block = output.take(1);
      putNode(block, nodes.slice(i, i + IN_BLOCK), depth, IN_BLOCK);
      const seed = crc32cWord(crc32cWord(CHECKSUM_SEED, inode), 0);
      const tail = 12 + IN_BLOCK * 12;
      new DataView(block.buffer, block.byteOffset).setUint32(
        tail,
        crc32c(seed, block, 0, tail),
        true,
      );
      parents.push({ logical: nodes[i]!.logical, physical, length: 0 });
    }
    nodes = parents;
  }
  const root = new Uint8Array(60);
  putNode(root, nodes, depth, IN_INODE);
  return { root, blocks: output.block - start };
}

function splitRuns(runs: Runs): Node[] {
  const nodes: Node[] = [];
  for (let i = 0; i < runs.values.length; i += 3) {
    let logical = runs.values[i]!;
    let physical = runs.values[i + 1]!;
    for (let left = runs.values[i + 2]!; left > 0;) {
      const length = Math.min(left, MAX_EXTENT_BLOCKS);
      nodes.push({ logical, physical, length });
      logical += length;
      physical += length;
      left -= length;
    }
  }
  return nodes;
}

function putNode(into: Uint8Array, nodes: readonly Node[], depth: number, capacity: number): void {
  const view = new DataView(into.buffer, into.byteOffset);
  view.setUint16(0, MAGIC, true);
  view.setUint16(2, nodes.length, true);
  view.setUint16(4, capacity, true);
  view.setUint16(6, depth, true);
  nodes.forEach(({ logical, physical, length }, i) => {
    const at = 12 + 12 * i;
    view.setUint32(at, logical, true);
    if (depth === 0) {
      view.setUint16(at + 4, length, true);
      view.setUint32(at + 8, physical, true);
    } else {
      view.setUint32(at + 4, physical, true);
    }
  });
}
