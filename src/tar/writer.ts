/**
 * Headers for an archive that others will read: ustar where it suffices, with a PAX header in front where it
 * does not. The caller sends header, content and padding, so no content passes through here.
 */
import { bytesOf, type TarEntry, type TarType } from "./entry.ts";
import { BLOCK } from "./header.ts";
import { fitsOctal, formatTime, writeNumber } from "./numbers.ts";
import { formatPax } from "./pax.ts";
import { paddingOf } from "./reader.ts";

const LETTERS: Readonly<Record<TarType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

/** What must be said about an entry; the rest has a default. */
export type TarEntryInit = Pick<TarEntry, "path" | "type"> & Partial<TarEntry>;

/** Ends an archive. */
export const TAR_END: Uint8Array<ArrayBuffer> = new Uint8Array(2 * BLOCK);

/** The zeros that must follow `size` bytes of content. */
export function tarPadding(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(paddingOf(size));
}

/** The bytes in front of an entry's content, the PAX header included. Same entry, same bytes. */
export function tarHeader(init: TarEntryInit): Uint8Array<ArrayBuffer> {
  const entry: TarEntry = { ...DEFAULTS, ...init };
  if (entry.type === "directory" && !entry.path.endsWith("/")) entry.path += "/";
  const records: Uint8Array[] = [];
  const say = (key: string, value: string) => records.push(formatPax(key, bytesOf(value)));

  const [prefix, name] = splitPath(entry.path);
  if (name === undefined) say("path", entry.path);
  if (entry.linkTarget.length > 100) say("linkpath", entry.linkTarget);
  if (!fitsOctal(entry.size, 12)) say("size", String(entry.size));
  if (!fitsOctal(entry.uid, 8)) say("uid", String(entry.uid));
  if (!fitsOctal(entry.gid, 8)) say("gid", String(entry.gid));
  if (entry.uname.length > 31) say("uname", entry.uname);
  if (entry.gname.length > 31) say("gname", entry.gname);
  if (!fitsOctal(entry.devMajor, 8)) say("SCHILY.devmajor", String(entry.devMajor));
  if (!fitsOctal(entry.devMinor, 8)) say("SCHILY.devminor", String(entry.devMinor));
  if (entry.mtimeNs !== 0 || !fitsOctal(entry.mtime, 12)) {
    say("mtime", formatTime(entry.mtime, entry.mtimeNs));
  }
  if (entry.atime !== undefined) say("atime", formatTime(entry.atime, entry.atimeNs));
  if (entry.ctime !== undefined) say("ctime", formatTime(entry.ctime, entry.ctimeNs));
  const xattrs = [...entry.xattrs ?? []].sort(([a], [b]) => a < b ? -1 : 1);
  for (const [key, value] of xattrs) records.push(formatPax(`SCHILY.xattr.${key}`, value));

  const header = ustar(entry, prefix, name ?? entry.path.slice(-100), LETTERS[entry.type]);
  if (records.length === 0) return header;
  return withPax(header, records);
}

function withPax(header: Uint8Array, records: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const size = records.reduce((sum, record) => sum + record.length, 0);
  const all = new Uint8Array(BLOCK + size + paddingOf(size) + BLOCK);
  all.set(ustar({ ...DEFAULTS, path: "", type: "file", size }, "", "PaxHeader", "x"));
  let at = BLOCK;
  for (const record of records) {
    all.set(record, at);
    at += record.length;
  }
  all.set(header, all.length - BLOCK);
  return all;
}

function ustar(
  entry: TarEntry,
  prefix: string,
  name: string,
  letter: string,
): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK);
  put(block, 0, 100, name);
  writeNumber(block, 100, 8, entry.mode);
  writeNumber(block, 108, 8, orZero(entry.uid, 8));
  writeNumber(block, 116, 8, orZero(entry.gid, 8));
  writeNumber(block, 124, 12, orZero(entry.size, 12));
  writeNumber(block, 136, 12, orZero(entry.mtime, 12));
  block[156] = letter.charCodeAt(0);
  put(block, 157, 100, entry.linkTarget);
  put(block, 257, 8, "ustar\x0000");
  put(block, 265, 31, entry.uname);
  put(block, 297, 31, entry.gname);
  if (entry.type === "char" || entry.type === "block") {
    writeNumber(block, 329, 8, orZero(entry.devMajor, 8));
    writeNumber(block, 337, 8, orZero(entry.devMinor, 8));
  }
  put(block, 345, 155, prefix);
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  put(block, 148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** Prefix and name of a path that fits them; no name if it does not. */
function splitPath(path: string): [prefix: string, name: string | undefined] {
  if (path.length <= 100) return ["", path];
  for (let at = Math.max(1, path.length - 101); at < path.length - 1 && at <= 155; at++) {
    if (path[at] === "/") return [path.slice(0, at), path.slice(at + 1)];
  }
  return ["", undefined];
}

/** What octal cannot hold stands in the PAX header. */
function orZero(value: number, length: number): number {
  return fitsOctal(value, length) ? value : 0;
}

function put(block: Uint8Array, at: number, length: number, text: string): void {
  for (let i = 0; i < length && i < text.length; i++) block[at + i] = text.charCodeAt(i);
}

const DEFAULTS: TarEntry = {
  path: "",
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  mtimeNs: 0,
  atime: undefined,
  atimeNs: 0,
  ctime: undefined,
  ctimeNs: 0,
  linkTarget: "",
  devMajor: 0,
  devMinor: 0,
  uname: "",
  gname: "",
  xattrs: undefined,
};
