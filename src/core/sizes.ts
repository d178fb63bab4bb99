import { CtrError } from "./errors.ts";

const UNITS: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4, p: 5 };
const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/i;

/**
 * Reads a size such as `512M`, `1.5g`, `64MiB` or `4096`. Units are powers of 1024.
 *
 * @returns Bytes, rounded down.
 * @throws {CtrError} `usage` if `text` is not a size or is too large to count exactly.
 */
export function parseSize(text: string): number {
  const match = SIZE.exec(text.trim());
  if (!match) {
    throw new CtrError("usage", `cannot read the size "${text}": want a number with K, M, G or T`);
  }
  const bytes = Math.floor(Number(match[1]) * 1024 ** (UNITS[match[2]!.toLowerCase()] ?? 0));
  if (!Number.isSafeInteger(bytes)) {
    throw new CtrError("usage", `cannot read the size "${text}": it is too large`);
  }
  return bytes;
}

/** True when `text` is digits alone, so that a command may ask whether a suffix was forgotten. */
export function isBareNumber(text: string): boolean {
  return /^\d+$/.test(text.trim());
}

/** `1536` → `1.5 KiB`. For people; programs get bytes. */
export function formatSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
