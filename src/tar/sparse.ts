/**
 * Sparse files: GNU's header with extension blocks, and its three PAX dialects (0.0, 0.1, 1.0). All end
 * as the same list: offset and length of each stored part, in order, and the file's real size.
 */
import { CtrError } from "../core/mod.ts";
import { readNumber } from "./numbers.ts";
import type { PaxRecords } from "./pax.ts";

export interface SparseMap {
  /** Offset, length, offset, length, … */
  readonly parts: number[];
  readonly realSize: number;
}

/** Appends the parts of an old GNU header (4 at 386) or of an extension block (21 at 0). */
export function addGnuParts(parts: number[], block: Uint8Array, at: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const start = at + i * 24;
    if (block[start + 12] === 0) return; // an unused pair
    parts.push(readNumber(block, start, 12), readNumber(block, start + 12, 12));
  }
}

/** The map of PAX 0.0 and 0.1, `"stored"` if it stands before the content (1.0), else `undefined`. */
export function paxSparse(
  values: ReadonlyMap<string, string>,
  pairs: PaxRecords["sparse"],
  maxParts: number,
): SparseMap | "stored" | undefined {
  if (values.get("GNU.sparse.major") === "1" && values.get("GNU.sparse.minor") === "0") {
    return "stored";
  }
  const listed = values.get("GNU.sparse.map")?.split(",", 2 * maxParts + 2) ??
    (pairs.length > 0 ? pairs : undefined);
  const size = values.get("GNU.sparse.size") ?? values.get("GNU.sparse.realsize");
  if (listed === undefined && values.get("GNU.sparse.numblocks") !== "0") return undefined;
  if (size === undefined) throw badMap();
  const parts = (listed ?? []).map(decimal);
  if (parts.length > 2 * maxParts) throw tooManyParts(maxParts);
  return { parts, realSize: decimal(size) };
}

/** Reads the map that stands before the content (1.0): decimal lines, a count and then pairs. */
export class StoredMap {
  readonly parts: number[] = [];
  #wanted = -1;
  #value = 0;
  #digits = 0;

  constructor(readonly maxParts: number) {}

  /** Takes the next block. True when the map is complete; the rest of the block is padding. */
  push(block: Uint8Array): boolean {
    for (const byte of block) {
      const digit = byte - 0x30;
      if (digit >= 0 && digit <= 9 && this.#digits < 15) {
        this.#value = this.#value * 10 + digit;
        this.#digits++;
      } else if (byte === 0x0a && this.#digits > 0) {
        if (this.#wanted >= 0) this.parts.push(this.#value);
        else this.#wanted = 2 * this.#value;
        if (this.#wanted > 2 * this.maxParts) throw tooManyParts(this.maxParts);
        if (this.parts.length === this.#wanted) return true;
        this.#value = this.#digits = 0;
      } else {
        throw badMap();
      }
    }
    return false;
  }
}

/**
 * Checks that the parts rise, do not overlap, end within the file and are as long as what is stored.
 *
 * @throws {CtrError} `bad-data` if not.
 */
export function checkSparse(map: SparseMap, stored: number): void {
  let end = 0;
  let sum = 0;
  if (map.parts.length % 2 !== 0) throw badMap();
  for (let i = 0; i < map.parts.length; i += 2) {
    const offset = map.parts[i]!;
    const length = map.parts[i + 1]!;
    if (offset < end || length < 0) throw badMap();
    end = offset + length;
    sum += length;
  }
  if (!Number.isSafeInteger(end) || end > map.realSize || sum !== stored) throw badMap();
}

function decimal(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) throw badMap();
  return value;
}

export function tooManyParts(maxParts: number): CtrError {
  return new CtrError("too-large", `read tar: a sparse map has more than ${maxParts} parts`);
}

function badMap(): CtrError {
  return new CtrError("bad-data", "read tar: the map of a sparse file is malformed");
}
