/**
 * The 512-byte header of v7, ustar, star and GNU archives.
 *
 * ```text
 * 0 name 100 | 100 mode 8 | 108 uid 8 | 116 gid 8 | 124 size 12 | 136 mtime 12 | 148 checksum 8
 * 156 type 1 | 157 link 100 | 257 magic 8 | 265 uname 32 | 297 gname 32 | 329 major 8 | 337 minor 8
 * 345 prefix 155 (ustar), or atime 12, ctime 12, …, 386 sparse 4×24, 482 more 1, 483 real size 12 (GNU)
 * ```
 */
import { CtrError } from "../core/mod.ts";
import { latin1, type TarEntry, type TarType } from "./entry.ts";
import { readNumber } from "./numbers.ts";

export const BLOCK = 512;

const TYPES: Readonly<Record<string, TarType>> = {
  "0": "file",
  "\0": "file",
  "7": "file", // contiguous, which nobody has
  "S": "file", // GNU sparse
  "1": "hardlink",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "D": "directory", // GNU incremental: its body is a list of names
  "6": "fifo",
};

/**
 * Verifies a header's checksum.
 *
 * @returns False if the block is all zeros, which ends an archive.
 * @throws {CtrError} `bad-data` if the sum is wrong, counted with unsigned bytes or, as some old writers
 *   did, with signed ones.
 */
export function checkHeader(block: Uint8Array): boolean {
  let sum = 0;
  let high = 0; // bytes of 128 and more, each of which counts 256 less when signed
  for (let i = 0; i < BLOCK; i++) {
    const byte = block[i]!;
    sum += byte;
    high += byte >> 7;
  }
  if (sum === 0) return false;
  for (let i = 148; i < 156; i++) {
    sum += 0x20 - block[i]!;
    high -= block[i]! >> 7;
  }
  const stated = parseInt(text(block, 148, 8).trim(), 8); // not a number is wrong, too
  if (stated !== sum && stated !== sum - 256 * high) {
    throw new CtrError(
      "bad-data",
      "read tar: a header's checksum is wrong, the archive is damaged",
    );
  }
  return true;
}

/** The type letter of a header; what it means is {@linkcode readHeader}'s and the reader's. */
export function typeOf(block: Uint8Array): string {
  return String.fromCharCode(block[156]!);
}

/** True for GNU's dialect, which uses the ustar prefix for other things. */
export function isGnu(block: Uint8Array): boolean {
  return block[257] === 0x75 && block[261] === 0x72 && block[262] === 0x20; // "ustar "
}

/**
 * Reads the fields of a header that names something.
 *
 * @throws {CtrError} `bad-data` if the type is unknown or a number is malformed.
 */
export function readHeader(block: Uint8Array): TarEntry {
  const letter = typeOf(block);
  const type = TYPES[letter];
  if (type === undefined) {
    throw new CtrError(
      "bad-data",
      `read tar: an entry has the unknown type ${JSON.stringify(letter)}`,
    );
  }
  let path = text(block, 0, 100);
  let atime: number | undefined;
  let ctime: number | undefined;
  const named = block[257] === 0x75 && block[258] === 0x73; // "us": ustar or GNU
  if (isGnu(block)) {
    if (block[345]) atime = readNumber(block, 345, 12);
    if (block[357]) ctime = readNumber(block, 357, 12);
  } else if (named && block[345] !== 0) {
    const star = block[508] === 0x74 && block[509] === 0x61 && block[510] === 0x72 && !block[511];
    path = `${text(block, 345, star ? 131 : 155)}/${path}`;
  }
  const device = type === "char" || type === "block";
  return {
    path,
    type,
    mode: readNumber(block, 100, 8) & 0o7777,
    uid: readNumber(block, 108, 8),
    gid: readNumber(block, 116, 8),
    size: readNumber(block, 124, 12),
    mtime: readNumber(block, 136, 12),
    mtimeNs: 0,
    atime,
    atimeNs: 0,
    ctime,
    ctimeNs: 0,
    linkTarget: type === "hardlink" || type === "symlink" ? text(block, 157, 100) : "",
    devMajor: device ? readNumber(block, 329, 8) : 0,
    devMinor: device ? readNumber(block, 337, 8) : 0,
    uname: named ? text(block, 265, 32) : "",
    gname: named ? text(block, 297, 32) : "",
    xattrs: undefined,
  };
}

/** A text field: up to its NUL, or all of it. */
export function text(block: Uint8Array, start: number, length: number): string {
  let end = start;
  while (end < start + length && block[end] !== 0) end++;
  return end === start ? "" : latin1(block, start, end);
}
