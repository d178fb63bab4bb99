import { cText, type LibSystem } from "./libc.ts";

type Sysctl = Pick<LibSystem, "sysctlbyname">;

/** Values are numbers and short texts. */
const LONGEST = 4096;

/** @returns Undefined if this system has no such value, or it is no text. */
export function sysctlText(name: string, of: Sysctl): string | undefined {
  const bytes = value(name, of);
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** A whole number of four or eight bytes. @returns Undefined if there is none. */
export function sysctlNumber(name: string, of: Sysctl): number | undefined {
  const bytes = value(name, of);
  if (bytes?.length !== 4 && bytes?.length !== 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return bytes.length === 4 ? view.getInt32(0, true) : Number(view.getBigInt64(0, true));
}

function value(name: string, of: Sysctl): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(LONGEST);
  const length = new BigUint64Array([BigInt(LONGEST)]);
  if (of.sysctlbyname(cText(name), bytes, length, null, 0n) !== 0) return undefined;
  return bytes.subarray(0, Number(length[0]));
}
