/**
 * CRC-32C as ext4 uses it: a running value, seeded by the caller, not inverted at the end. Most of a file
 * system's tables is zeros, so a run of zeros is stepped over in time that depends on its length's bits.
 */

const POLYNOMIAL = 0x82f63b78;

/** Eight tables of 256: table k advances a byte that is followed by k others. */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256]!;
    tables[i] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
}

/** Continues `crc` over `bytes[start, end)`. */
export function crc32c(
  crc: number,
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): number {
  const t = TABLES;
  let at = start;
  for (const last = end - 8; at <= last; at += 8) {
    const low = crc ^
      (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24);
    crc = t[1792 + (low & 0xff)]! ^ t[1536 + (low >>> 8 & 0xff)]! ^ t[1280 + (low >>> 16 & 0xff)]! ^
      t[1024 + (low >>> 24)]! ^ t[768 + bytes[at + 4]!]! ^ t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^ t[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 0xff]!;
  return crc;
}

/** Continues `crc` over the four bytes of a little-endian number. */
export function crc32cWord(crc: number, word: number): number {
  const low = crc ^ word;
  return TABLES[768 + (low & 0xff)]! ^ TABLES[512 + (low >>> 8 & 0xff)]! ^
    TABLES[256 + (low >>> 16 & 0xff)]! ^ TABLES[low >>> 24]!;
}

// A step over zeros is linear in the bits of the value, so a step of 2^k bytes is four lookups in tables
// that are made by taking the step of 2^(k-1) bytes twice.
const ZERO_STEPS: Int32Array[] = [];

function zeroStep(k: number): Int32Array {
  const known = ZERO_STEPS[k];
  if (known) return known;
  const tables = new Int32Array(4 * 256);
  const before = k > 0 ? zeroStep(k - 1) : undefined;
  for (let i = 0; i < tables.length; i++) {
    const value = (i & 0xff) << (i >> 8) * 8;
    tables[i] = before
      ? stepBy(before, stepBy(before, value))
      : (value >>> 8) ^ TABLES[value & 0xff]!;
  }
  ZERO_STEPS[k] = tables;
  return tables;
}

function stepBy(tables: Int32Array, value: number): number {
  return tables[value & 0xff]! ^ tables[256 + (value >>> 8 & 0xff)]! ^
    tables[512 + (value >>> 16 & 0xff)]! ^ tables[768 + (value >>> 24)]!;
}

/** Continues `crc` over `count` zeros, at most 2^31. */
export function crc32cZeros(crc: number, count: number): number {
  for (let k = 0; count > 0; k++, count >>>= 1) {
    if (count & 1) crc = stepBy(zeroStep(k), crc);
  }
  return crc;
}
