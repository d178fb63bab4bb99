import { parseXml } from "./entitlements.ts";
import { readMachO } from "./macho.ts";
import { HASH_BYTES, MAGIC, sha256, SLOT } from "./signature.ts";

/** What a signature says, with all its hashes recomputed. */
export interface Signature {
  readonly identifier: string;
  readonly flags: number;
  readonly entitlements: readonly string[];
  /** The DER form, as it is in the file. */
  readonly der: Uint8Array | undefined;
  readonly pages: number;
  readonly pageBytes: number;
  readonly executable: { readonly base: number; readonly limit: number; readonly flags: number };
  /** SHA-256 of each special slot's blob, by slot. */
  readonly special: ReadonlyMap<number, string>;
}

/**
 * Reads the signature of a Mach-O file and recomputes every hash in it.
 *
 * @throws {Error} Naming the first thing that is wrong: a page, a slot, a length.
 */
export function verify(bytes: Uint8Array): Signature {
  const { signature: { offset, size } } = readMachO(bytes);
  const blobs = readSuperBlob(bytes.subarray(offset, offset + size));
  const directory = blobs.get(SLOT.codeDirectory);
  if (!directory) throw new Error("the signature has no code directory");
  const view = new DataView(directory.buffer, directory.byteOffset, directory.byteLength);
  const word = (at: number) => view.getUint32(at);
  if (word(0) !== MAGIC.codeDirectory || word(4) !== directory.length) {
    throw new Error("the code directory is damaged");
  }
  const [hashOffset, nameAt, specials, pages, limit] = [16, 20, 24, 28, 32].map(word) as Five;
  if (view.getUint8(36) !== HASH_BYTES || view.getUint8(37) !== 2) {
    throw new Error("its hashes are not SHA-256");
  }
  if (limit !== offset) throw new Error(`it covers ${limit} bytes, and ${offset} are before it`);
  const pageBytes = 1 << view.getUint8(39);
  const hashAt = (slot: number) => {
    const at = hashOffset + slot * HASH_BYTES;
    return hex(directory.subarray(at, at + HASH_BYTES));
  };
  if (pages !== Math.ceil(limit / pageBytes)) throw new Error("pages are missing");
  for (let page = 0; page < pages; page++) {
    const from = page * pageBytes;
    const found = hex(sha256(bytes.subarray(from, Math.min(limit, from + pageBytes))));
    if (found !== hashAt(page)) throw new Error(`page ${page} is not what was signed`);
  }
  const special = new Map<number, string>();
  for (let slot = 1; slot <= specials; slot++) {
    const blob = blobs.get(slot);
    const expected = blob ? hex(sha256(blob)) : "0".repeat(2 * HASH_BYTES);
    if (hashAt(-slot) !== expected) throw new Error(`slot ${slot} is not what was signed`);
    if (blob) special.set(slot, expected);
  }
  const xml = blobs.get(SLOT.entitlements);
  return {
    identifier: text(directory.subarray(nameAt)).replace(/\0.*$/s, ""),
    flags: word(12),
    entitlements: xml ? parseXml(text(xml.subarray(8))) : [],
    der: blobs.get(SLOT.derEntitlements)?.subarray(8),
    pages,
    pageBytes,
    executable: {
      base: Number(view.getBigUint64(64)),
      limit: Number(view.getBigUint64(72)),
      flags: Number(view.getBigUint64(80)),
    },
    special,
  };
}

type Five = [number, number, number, number, number];

function readSuperBlob(bytes: Uint8Array): Map<number, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || view.getUint32(0) !== MAGIC.superBlob) {
    throw new Error("there is no signature");
  }
  const blobs = new Map<number, Uint8Array>();
  const count = Math.min(view.getUint32(8), 64);
  for (let n = 0; n < count; n++) {
    const [slot, at] = [view.getUint32(12 + 8 * n), view.getUint32(16 + 8 * n)];
    if (at + 8 > bytes.length) throw new Error("the signature is cut short");
    const length = view.getUint32(at + 4);
    if (at + length > bytes.length) throw new Error("the signature is cut short");
    blobs.set(slot, bytes.subarray(at, at + length));
  }
  return blobs;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
