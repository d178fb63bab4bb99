import { createHash } from "node:crypto";
import { concat, type Entitlements, toDer, toXml } from "./entitlements.ts";
import { type MachO, readMachO, resizeSignature } from "./macho.ts";

/** Magic numbers and slots of a signature; all its numbers are big-endian. */
export const MAGIC = {
  superBlob: 0xfade0cc0,
  codeDirectory: 0xfade0c02,
  requirements: 0xfade0c01,
  entitlements: 0xfade7171,
  derEntitlements: 0xfade7172,
  cms: 0xfade0b01,
} as const;
export const SLOT = {
  codeDirectory: 0,
  requirements: 2,
  entitlements: 5,
  derEntitlements: 7,
  cms: 0x10000,
} as const;

const VERSION = 0x20400;
const DIRECTORY_BYTES = 88;
export const HASH_BYTES = 32;
const PAGE_BITS = 12;
export const PAGE_BYTES = 1 << PAGE_BITS;
const SHA256 = 2;
const MAIN_BINARY = 1;

/** The signature names no signer. */
export const ADHOC = 0x2;
/** The hardened runtime: what notarization asks for. */
export const RUNTIME_FLAG = 0x10000;

export interface SignOptions {
  /** Names the program to the system, for example `dev.ctr.cli`. */
  readonly identifier: string;
  readonly entitlements: Entitlements;
}

/**
 * Signs a Mach-O file ad hoc, as `codesign --sign -` does: replaces the signature that it has.
 *
 * @returns The signed file. `bytes` is not changed.
 * @throws {Error} See `readMachO()`.
 * @see the headers of Apple's xnu, osfmk/kern/cs_blobs.h, for the layout
 */
export function sign(bytes: Uint8Array, options: SignOptions): Uint8Array<ArrayBuffer> {
  const macho = readMachO(bytes);
  const limit = macho.signature.offset;
  const blobs = specialBlobs(options.entitlements);
  const size = signatureBytes(limit, options.identifier, blobs);
  const code = bytes.slice(0, limit);
  resizeSignature(code, macho, size); // before the first page is hashed: it is there
  const directory = codeDirectory(code, macho, options.identifier, blobs);
  const signature = superBlob([
    [SLOT.codeDirectory, directory],
    ...blobs,
    [SLOT.cms, blob(MAGIC.cms, new Uint8Array())],
  ]);
  if (signature.length > size) throw new Error("the signature is larger than was planned");
  return concat([code, signature, new Uint8Array(size - signature.length)]);
}

type Slot = readonly [number, Uint8Array];

function specialBlobs(entitlements: Entitlements): Slot[] {
  const requirements: Slot = [SLOT.requirements, blob(MAGIC.requirements, words(0))];
  if (entitlements.length === 0) return [requirements];
  const xml = new TextEncoder().encode(toXml(entitlements));
  return [
    requirements,
    [SLOT.entitlements, blob(MAGIC.entitlements, xml)],
    [SLOT.derEntitlements, blob(MAGIC.derEntitlements, toDer(entitlements))],
  ];
}

function codeDirectory(
  code: Uint8Array,
  { executable, text }: MachO,
  identifier: string,
  special: readonly Slot[],
): Uint8Array {
  const name = new TextEncoder().encode(`${identifier}\0`);
  const specialSlots = special.at(-1)![0];
  const pages = pageHashes(code);
  const hashOffset = DIRECTORY_BYTES + name.length + specialSlots * HASH_BYTES;
  const head = new DataView(new ArrayBuffer(DIRECTORY_BYTES));
  const length = hashOffset + pages.length * HASH_BYTES;
  [
    MAGIC.codeDirectory,
    length,
    VERSION,
    ADHOC,
    hashOffset,
    DIRECTORY_BYTES,
    specialSlots,
    pages.length,
    code.length,
  ].forEach((word, at) => head.setUint32(4 * at, word));
  [HASH_BYTES, SHA256, 0, PAGE_BITS].forEach((byte, at) => head.setUint8(36 + at, byte));
  head.setBigUint64(64, BigInt(text.offset));
  head.setBigUint64(72, BigInt(text.size));
  head.setBigUint64(80, BigInt(executable ? MAIN_BINARY : 0));
  // Special slots count backwards from the first page; one that is not there is all zeroes.
  const specials = Array.from({ length: specialSlots }, (_, at) => {
    const found = special.find(([slot]) => slot === specialSlots - at);
    return found ? sha256(found[1]) : new Uint8Array(HASH_BYTES);
  });
  return concat([new Uint8Array(head.buffer), name, ...specials, ...pages]);
}

function signatureBytes(limit: number, identifier: string, special: readonly Slot[]): number {
  const pages = Math.ceil(limit / PAGE_BYTES);
  const slots = special.at(-1)![0] + pages;
  const directory = DIRECTORY_BYTES + new TextEncoder().encode(identifier).length + 1 +
    slots * HASH_BYTES;
  const blobs = special.reduce((sum, [, { length }]) => sum + length, directory + 8);
  const index = 12 + 8 * (special.length + 2);
  return Math.ceil((index + blobs) / 16) * 16;
}

/** Of each 4096 bytes; the last page is as long as it is. */
export function pageHashes(code: Uint8Array): Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < code.length; at += PAGE_BYTES) {
    hashes.push(sha256(code.subarray(at, Math.min(code.length, at + PAGE_BYTES))));
  }
  return hashes;
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

function superBlob(slots: readonly Slot[]): Uint8Array {
  let at = 12 + 8 * slots.length;
  const index = slots.flatMap(([slot, { length }]) => {
    const entry = [slot, at];
    at += length;
    return entry;
  });
  return concat([
    words(MAGIC.superBlob, at, slots.length, ...index),
    ...slots.map(([, bytes]) => bytes),
  ]);
}

function blob(magic: number, content: Uint8Array): Uint8Array {
  return concat([words(magic, 8 + content.length), content]);
}

function words(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, at) => view.setUint32(4 * at, value));
  return new Uint8Array(view.buffer);
}
