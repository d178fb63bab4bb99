import { hostSystem } from "./facts.ts";
import { cText, type LibSystem, libSystem } from "./libc.ts";

const ATTRIBUTE = "com.apple.metadata:com_apple_backup_excludeItem";
/**
 * The attribute's value, which `tmutil addexclusion` writes too: a binary property list that is the text
 * `com.apple.backupd`.
 */
const VALUE = propertyList("com.apple.backupd");

/**
 * Keeps a folder out of Time Machine, whose copies of disks that are being written would be of no use. Other
 * systems have no such thing.
 *
 * @returns False if it could not be.
 */
export function excludeFromBackups(
  path: string,
  of: Pick<LibSystem, "setxattr"> | undefined = hostSystem() === "darwin" ? libSystem() : undefined,
): boolean {
  if (of === undefined) return false;
  const value = VALUE;
  return of.setxattr(cText(path), cText(ATTRIBUTE), value, BigInt(value.length), 0, 0) === 0;
}

/** One text of 15 to 255 ASCII bytes as a binary property list: head, object, table of offsets, trailer. */
function propertyList(text: string): Uint8Array<ArrayBuffer> {
  const ascii = new TextEncoder().encode(text);
  const head = new TextEncoder().encode("bplist00");
  const object = [0x5f, 0x10, ascii.length, ...ascii]; // a text whose length follows in one byte
  const table = head.length + object.length;
  // Unused and version; one byte for an offset and for a reference; one object, the first; the table's place.
  const trailer = [0, 0, 0, 0, 0, 0, 1, 1, ...long(1), ...long(0), ...long(table)];
  return new Uint8Array([...head, ...object, head.length, ...trailer]);
}

function long(value: number): number[] {
  return [0, 0, 0, 0, 0, 0, value >> 8, value & 0xff];
}
