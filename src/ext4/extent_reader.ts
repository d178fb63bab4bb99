/** Which blocks hold a file: its extent tree, read with a bound on depth, order and count. */
import { badImage, type Image } from "./image.ts";
import { BLOCK_SIZE } from "./layout.ts";

const MAGIC = 0xf30a;
const MAX_DEPTH = 5; // the kernel's limit
/** Far above what a file has that was not made to hurt. */
const MAX_EXTENTS = 1 << 22;

export interface Extent {
  /** First block in the file, first on the disk, and how many. */
  readonly logical: number;
  readonly physical: number;
  readonly blocks: number;
  /** Allocated, but reads as zeros. */
  readonly unwritten: boolean;
}

/**
 * Reads the extents in rising order.
 *
 * @param root The 60 bytes of the inode.
 * @throws {CtrError} `bad-data` if the tree is not sound: no cycles, no overlaps, all on the disk.
 */
export function readExtents(image: Image, root: Uint8Array): Extent[] {
  const extents: Extent[] = [];
  let end = 0;
  let visited = 0;
  const visit = (node: Uint8Array, expectedDepth: number | undefined): void => {
    const v = new DataView(node.buffer, node.byteOffset, node.length);
    const count = v.getUint16(2, true);
    const depth = v.getUint16(6, true);
    if (v.getUint16(0, true) !== MAGIC || 12 + 12 * count > node.length) {
      throw badImage("an extent tree is malformed");
    }
    if (depth > MAX_DEPTH || expectedDepth !== undefined && depth !== expectedDepth) {
      throw badImage("an extent tree is malformed");
    }
    if ((visited += count) > MAX_EXTENTS) throw badImage("a file has too many extents");
    for (let i = 0; i < count; i++) {
      const at = 12 + 12 * i;
      const logical = v.getUint32(at, true);
      if (depth > 0) {
        const child = v.getUint32(at + 4, true) + v.getUint16(at + 8, true) * 0x1_0000_0000;
        visit(image.readBlock(child), depth - 1);
        continue;
      }
      const length = v.getUint16(at + 4, true);
      const unwritten = length > 32_768;
      const blocks = unwritten ? length - 32_768 : length;
      const physical = v.getUint32(at + 8, true) + v.getUint16(at + 6, true) * 0x1_0000_0000;
      if (logical < end || blocks === 0) throw badImage("the extents of a file overlap");
      image.checkBlocks(physical, blocks);
      extents.push({ logical, physical, blocks, unwritten });
      end = logical + blocks;
    }
  };
  visit(root, undefined);
  return extents;
}

/** Content in order: bytes, or the length of a hole. */
export type Piece = Uint8Array | number;

/**
 * A file's content, piece by piece. Bytes are valid until the next piece is asked for.
 *
 * @param buffer Is filled again and again.
 */
export function* contentPieces(
  image: Image,
  extents: readonly Extent[],
  size: number,
  buffer: Uint8Array,
): Generator<Piece, void> {
  let at = 0;
  for (const extent of extents) {
    const start = extent.logical * BLOCK_SIZE;
    if (start >= size) break;
    if (start > at) yield start - at;
    at = start;
    const end = Math.min(size, start + extent.blocks * BLOCK_SIZE);
    if (extent.unwritten) {
      yield end - at;
      at = end;
      continue;
    }
    while (at < end) {
      const part = buffer.subarray(0, Math.min(buffer.length, end - at));
      image.readAt(extent.physical * BLOCK_SIZE + at - start, part);
      yield part;
      at += part.length;
    }
  }
  if (at < size) yield size - at;
}
