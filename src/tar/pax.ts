/**
 * PAX extended headers: `length key=value\n` records that override fields of the header after them.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html "pax Extended Header"
 */
import { CtrError } from "../core/mod.ts";
import { bytesOf, latin1, type TarEntry } from "./entry.ts";
import { parseInteger, parseTime } from "./numbers.ts";

const XATTR = "SCHILY.xattr.";
const LIBARCHIVE_XATTR = "LIBARCHIVE.xattr.";

/** Records by key, and extended attributes and sparse pairs apart, because those keys repeat or hold bytes. */
export interface PaxRecords {
  readonly values: Map<string, string>;
  readonly xattrs: Map<string, Uint8Array>;
  /** Offsets and lengths of GNU's sparse format 0.0, which repeats its keys. */
  readonly sparse: string[];
}

/**
 * Reads the body of an `x` or `g` entry.
 *
 * @throws {CtrError} `bad-data` if a record's length is not that of a record.
 */
export function parsePax(body: Uint8Array, maxSparse: number): PaxRecords {
  const records: PaxRecords = { values: new Map(), xattrs: new Map(), sparse: [] };
  for (let at = 0; at < body.length;) {
    let length = 0;
    let i = at;
    for (; i < body.length && i - at < 10; i++) {
      const digit = body[i]! - 0x30;
      if (digit < 0 || digit > 9) break;
      length = length * 10 + digit;
    }
    const end = at + length;
    if (i === at && body[at] === 0) break; // some writers pad the body with NULs
    if (
      body[i] !== 0x20 || i === at || end > body.length || end <= i + 1 || body[end - 1] !== 0x0a
    ) {
      throw new CtrError("bad-data", "read tar: a PAX record is malformed");
    }
    const equals = body.indexOf(0x3d, i + 1);
    if (equals < 0 || equals >= end) {
      throw new CtrError("bad-data", "read tar: a PAX record has no value");
    }
    addRecord(records, latin1(body, i + 1, equals), body.subarray(equals + 1, end - 1), maxSparse);
    at = end;
  }
  return records;
}

function addRecord(records: PaxRecords, key: string, value: Uint8Array, maxSparse: number): void {
  if (key.startsWith(XATTR)) {
    records.xattrs.set(key.slice(XATTR.length), value.slice());
  } else if (key.startsWith(LIBARCHIVE_XATTR)) {
    const name = percentDecoded(key.slice(LIBARCHIVE_XATTR.length));
    if (!records.xattrs.has(name)) records.xattrs.set(name, base64Decoded(value));
  } else if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
    if (records.sparse.length >= 2 * maxSparse) {
      throw new CtrError("too-large", `read tar: a sparse map has more than ${maxSparse} parts`);
    }
    records.sparse.push(latin1(value));
  } else {
    records.values.set(key, latin1(value));
  }
}

/** Overrides fields of `entry`. An empty value stands for "as in the header". */
export function applyPax(entry: TarEntry, values: ReadonlyMap<string, string>): void {
  for (const [key, value] of values) {
    if (value === "") continue;
    switch (key) {
      case "path":
        entry.path = value;
        break;
      case "linkpath":
        if (entry.linkTarget !== "" || isLink(entry)) entry.linkTarget = value;
        break;
      case "size":
        entry.size = parseInteger(value, key);
        break;
      case "uid":
        entry.uid = parseInteger(value, key);
        break;
      case "gid":
        entry.gid = parseInteger(value, key);
        break;
      case "uname":
        entry.uname = value;
        break;
      case "gname":
        entry.gname = value;
        break;
      case "SCHILY.devmajor":
        entry.devMajor = parseInteger(value, key);
        break;
      case "SCHILY.devminor":
        entry.devMinor = parseInteger(value, key);
        break;
      case "mtime":
        ({ seconds: entry.mtime, ns: entry.mtimeNs } = parseTime(value, key));
        break;
      case "atime":
        ({ seconds: entry.atime, ns: entry.atimeNs } = parseTime(value, key));
        break;
      case "ctime":
        ({ seconds: entry.ctime, ns: entry.ctimeNs } = parseTime(value, key));
        break;
    }
  }
}

/** One record with its own length in front, which counts itself. */
export function formatPax(key: string, value: Uint8Array): Uint8Array<ArrayBuffer> {
  const rest = key.length + value.length + 3; // space, equals sign, newline
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  const head = `${length} ${key}=`;
  const record = new Uint8Array(length);
  record.set(bytesOf(head));
  record.set(value, head.length);
  record[length - 1] = 0x0a;
  return record;
}

function isLink(entry: TarEntry): boolean {
  return entry.type === "hardlink" || entry.type === "symlink";
}

function percentDecoded(text: string): string {
  return text.replace(
    /%([0-9a-fA-F]{2})/g,
    (_, hex: string) => String.fromCharCode(parseInt(hex, 16)),
  );
}

function base64Decoded(value: Uint8Array): Uint8Array {
  try {
    return bytesOf(atob(latin1(value)));
  } catch {
    throw new CtrError("bad-data", "read tar: an extended attribute is not base64");
  }
}
