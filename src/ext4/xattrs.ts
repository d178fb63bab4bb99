/**
 * Extended attributes: in the inode while they fit its last 96 bytes, else all in one block of their own.
 *
 * ```text
 * inode: magic u32 | entries … | 0 u32 | … values, from the end towards the front
 * block: magic, references, blocks, hash, checksum, 3 × u32 | entries … | 0 u32 | … values
 * entry: name length u8, name index u8, value offset u16, value inode u32, value size u32, hash u32, name
 * ```
 *
 * @see https://docs.kernel.org/filesystems/ext4/dynamic.html "Extended Attributes"
 */
import { CtrError } from "../core/mod.ts";
import { aclFromDisk, aclToDisk } from "./acl.ts";
import { crc32c, crc32cWord, crc32cZeros } from "./crc32c.ts";
import { BLOCK_SIZE, CHECKSUM_SEED } from "./layout.ts";

export const XATTR_MAGIC = 0xea020000;
export const INLINE_XATTR_BYTES = 96;
const BLOCK_HEADER = 32;

/** Prefixes by index; the whole names of POSIX ACLs have indexes of their own. */
const PREFIXES: readonly (readonly [index: number, prefix: string])[] = [
  [2, "system.posix_acl_access"],
  [3, "system.posix_acl_default"],
  [1, "user."],
  [4, "trusted."],
  [6, "security."],
  [7, "system."],
];

interface Attribute {
  readonly index: number;
  readonly name: string;
  readonly value: Uint8Array;
}

/** Attributes as ext4 will store them: sorted, and without namespaces that Linux does not know. */
export function toAttributes(xattrs: ReadonlyMap<string, Uint8Array>): Attribute[] {
  const found: Attribute[] = [];
  for (const [full, value] of xattrs) {
    const known = PREFIXES.find(([index, prefix]) =>
      index <= 3 && index >= 2 ? full === prefix : full.startsWith(prefix)
    );
    if (!known || full.length - known[1].length > 255) continue; // com.apple.…: no Linux tool could set it
    const [index, prefix] = known;
    const isAcl = index === 2 || index === 3;
    found.push({ index, name: full.slice(prefix.length), value: isAcl ? aclToDisk(value) : value });
  }
  // The kernel searches blocks in this order: index, length of the name, name.
  return found.sort((a, b) =>
    a.index - b.index || a.name.length - b.name.length || (a.name < b.name ? -1 : 1)
  );
}

/** The bytes for the inode, or `undefined` if they do not fit it. */
export function inlineXattrs(attributes: readonly Attribute[]): Uint8Array | undefined {
  if (4 + entriesSize(attributes) > INLINE_XATTR_BYTES) return undefined;
  const bytes = new Uint8Array(INLINE_XATTR_BYTES);
  new DataView(bytes.buffer).setUint32(0, XATTR_MAGIC, true);
  putEntries(bytes, 4, attributes, 4);
  return bytes;
}

/**
 * Fills a zeroed block.
 *
 * @throws {CtrError} `too-large` if the attributes do not fit.
 */
export function putXattrBlock(
  block: Uint8Array,
  number: number,
  attributes: readonly Attribute[],
): void {
  if (BLOCK_HEADER + entriesSize(attributes) > BLOCK_SIZE) {
    throw new CtrError(
      "too-large",
      "write ext4: the extended attributes of a file are larger than 4 KiB",
    );
  }
  const view = new DataView(block.buffer, block.byteOffset, BLOCK_SIZE);
  view.setUint32(0, XATTR_MAGIC, true);
  view.setUint32(4, 1, true); // references
  view.setUint32(8, 1, true); // blocks
  const hashes = putEntries(block, BLOCK_HEADER, attributes, 0);
  let hash = 0;
  for (const each of hashes) hash = (hash << 16) ^ (hash >>> 16) ^ each;
  view.setUint32(12, hash, true);
  let crc = crc32cWord(crc32cWord(CHECKSUM_SEED, number), 0); // the number has 64 bits
  crc = crc32c(crc32cZeros(crc32c(crc, block, 0, 16), 4), block, 20, BLOCK_SIZE);
  view.setUint32(16, crc, true);
}

function entriesSize(attributes: readonly Attribute[]): number {
  let size = 4; // the zero after the last entry
  for (const { name, value } of attributes) {
    size += 16 + roundUp(name.length) + roundUp(value.length);
  }
  return size;
}

/** @param origin What value offsets count from. */
function putEntries(
  bytes: Uint8Array,
  start: number,
  attributes: readonly Attribute[],
  origin: number,
): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = start;
  let end = bytes.length;
  return attributes.map(({ index, name, value }) => {
    end -= roundUp(value.length);
    bytes.set(value, end);
    bytes[at] = name.length;
    bytes[at + 1] = index;
    view.setUint16(at + 2, value.length === 0 ? 0 : end - origin, true);
    view.setUint32(at + 8, value.length, true);
    for (let i = 0; i < name.length; i++) bytes[at + 16 + i] = name.charCodeAt(i);
    const hash = entryHash(name, view, end, value.length);
    view.setUint32(at + 12, hash, true);
    at += 16 + roundUp(name.length);
    return hash;
  });
}

function entryHash(name: string, view: DataView, valueAt: number, valueLength: number): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (hash << 5) ^ (hash >>> 27) ^ name.charCodeAt(i);
  for (let i = 0; i < valueLength; i += 4) {
    hash = (hash << 16) ^ (hash >>> 16) ^ view.getUint32(valueAt + i, true);
  }
  return hash >>> 0;
}

/**
 * Reads attributes from an inode's tail or a block.
 *
 * @param start Where the entries start. @param origin What value offsets count from.
 * @throws {CtrError} `bad-data` if an entry leaves `bytes`.
 */
export function readXattrs(
  bytes: Uint8Array,
  start: number,
  origin: number,
  into: Map<string, Uint8Array>,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = start; at + 4 <= bytes.length && view.getUint32(at, true) !== 0;) {
    const nameLength = bytes[at]!;
    const next = at + 16 + roundUp(nameLength);
    if (next > bytes.length) throw badXattr();
    const prefix = PREFIXES.find(([index]) => index === bytes[at + 1])?.[1];
    const valueAt = origin + view.getUint16(at + 2, true);
    const size = view.getUint32(at + 8, true);
    if (view.getUint32(at + 4, true) !== 0) {
      throw new CtrError("unsupported", "read ext4: an extended attribute has an inode of its own");
    }
    if (size > 0 && (valueAt < start || valueAt + size > bytes.length)) throw badXattr();
    if (prefix !== undefined) {
      const name = prefix + String.fromCharCode(...bytes.subarray(at + 16, at + 16 + nameLength));
      const value = size === 0 ? new Uint8Array(0) : bytes.slice(valueAt, valueAt + size);
      const isAcl = bytes[at + 1] === 2 || bytes[at + 1] === 3;
      into.set(name, isAcl ? aclFromDisk(value) : value);
    }
    at = next;
  }
}

function badXattr(): CtrError {
  return new CtrError("bad-data", "read ext4: an extended attribute is malformed");
}

function roundUp(length: number): number {
  return (length + 3) & ~3;
}
