/**
 * Numbers in headers: octal text, or base-256 where the first bit is set (GNU, and what star and Go write
 * for what octal cannot hold), and decimal in PAX records.
 */
import { CtrError } from "../core/mod.ts";

/**
 * Reads a number field.
 *
 * @throws {CtrError} `bad-data` if it is neither octal nor base-256, or too large to count exactly.
 */
export function readNumber(block: Uint8Array, start: number, length: number): number {
  const first = block[start]!;
  if (first & 0x80) return readBase256(block, start, length);
  let i = start;
  const end = start + length;
  while (i < end && (block[i] === 0x20 || block[i] === 0)) i++; // old writers pad on the left
  let value = 0;
  for (; i < end; i++) {
    const digit = block[i]! - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  if (i < end && block[i] !== 0 && block[i] !== 0x20) throw badNumber();
  return value;
}

function readBase256(block: Uint8Array, start: number, length: number): number {
  // Two's complement, big-endian, the marker bit taken off. 0xff leads negative numbers.
  const negative = (block[start]! & 0x40) !== 0;
  let value = negative ? (block[start]! | 0x80) - 0x100 : block[start]! & 0x7f;
  for (let i = start + 1; i < start + length; i++) {
    value = value * 256 + block[i]!;
    if (!Number.isSafeInteger(value)) throw badNumber();
  }
  return value;
}

/** Writes octal digits and a NUL, or base-256 where they do not fit. */
export function writeNumber(block: Uint8Array, start: number, length: number, value: number): void {
  if (value >= 0 && value < 8 ** (length - 1)) {
    const digits = value.toString(8).padStart(length - 1, "0");
    for (let i = 0; i < digits.length; i++) block[start + i] = digits.charCodeAt(i);
    block[start + length - 1] = 0;
    return;
  }
  let rest = value;
  for (let i = start + length - 1; i >= start; i--) {
    block[i] = ((rest % 256) + 256) % 256;
    rest = Math.floor(rest / 256);
  }
  block[start] = value < 0 ? 0xff : block[start]! | 0x80;
}

/** True if `value` fits the octal digits of a field of `length` bytes. */
export function fitsOctal(value: number, length: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 8 ** (length - 1);
}

/** Reads a decimal integer of a PAX record. */
export function parseInteger(text: string, name: string): number {
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) {
    throw new CtrError("bad-data", `read tar: the PAX record "${name}" is not a number`);
  }
  return value;
}

/** Reads PAX seconds such as `1700000000.5` or `-0.25` exactly: whole seconds, and nanoseconds up from them. */
export function parseTime(text: string, name: string): { seconds: number; ns: number } {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (!match) throw new CtrError("bad-data", `read tar: the PAX record "${name}" is not a time`);
  const seconds = Number(match[2]);
  const ns = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] === "") return { seconds, ns };
  return ns === 0
    ? { seconds: seconds === 0 ? 0 : -seconds, ns }
    : { seconds: -seconds - 1, ns: 1e9 - ns };
}

/** The opposite of {@linkcode parseTime}. */
export function formatTime(seconds: number, ns: number): string {
  if (ns === 0) return String(seconds);
  const negative = seconds < 0;
  const whole = negative ? -(seconds + 1) : seconds;
  const fraction = String(negative ? 1e9 - ns : ns).padStart(9, "0").replace(/0+$/, "");
  return `${negative ? "-" : ""}${whole}.${fraction}`;
}

function badNumber(): CtrError {
  return new CtrError("bad-data", "read tar: a number in a header is not octal and not base-256");
}
