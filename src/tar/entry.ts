/**
 * What one entry of an archive says.
 *
 * Paths, link targets and names are **binary strings**: one character per byte, as in the archive, because
 * Linux names are bytes and need not be UTF-8. {@linkcode binaryOf} and {@linkcode textOf} convert.
 */

export type TarType =
  | "file"
  | "hardlink"
  | "symlink"
  | "char"
  | "block"
  | "directory"
  | "fifo";

export interface TarEntry {
  /** As written: may begin with `/` or `./`, may hold `..`. A trailing slash is removed. */
  path: string;
  type: TarType;
  /** The low 12 bits. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content, holes included; 0 for all but files. */
  size: number;
  /** Whole seconds since 1970, may be negative; `mtimeNs` counts up from it, 0 to 999,999,999. */
  mtime: number;
  mtimeNs: number;
  /** `undefined` where the archive does not say, as do `ctime` and the names. */
  atime: number | undefined;
  atimeNs: number;
  ctime: number | undefined;
  ctimeNs: number;
  /** Of hard and symbolic links, else empty. */
  linkTarget: string;
  devMajor: number;
  devMinor: number;
  uname: string;
  gname: string;
  /** Name (binary string, with its namespace: `user.note`) and value. */
  xattrs: ReadonlyMap<string, Uint8Array> | undefined;
}

/** Encodes text as the binary string of its UTF-8 bytes. */
export function binaryOf(text: string): string {
  // deno-lint-ignore no-control-regex
  return /^[\x00-\x7f]*$/.test(text) ? text : latin1(new TextEncoder().encode(text));
}

/** Decodes a binary string as UTF-8 for people; what is not UTF-8 becomes U+FFFD. */
export function textOf(binary: string): string {
  // deno-lint-ignore no-control-regex
  return /^[\x00-\x7f]*$/.test(binary) ? binary : new TextDecoder().decode(bytesOf(binary));
}

/** The bytes of a binary string. */
export function bytesOf(binary: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

const PIECE = 4096; // arguments of one call: far below what the stack holds

/** `bytes[start, end)` as a binary string. */
export function latin1(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (end - start <= PIECE) {
    return String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
  }
  const pieces: string[] = [];
  for (let at = start; at < end; at += PIECE) {
    pieces.push(latin1(bytes, at, Math.min(end, at + PIECE)));
  }
  return pieces.join("");
}
