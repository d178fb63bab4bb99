/** Paths of entries: binary strings, relative to the root, without `.`, `..`, doubled or outer slashes. */
import { CtrError } from "../core/mod.ts";

const UNCLEAN = /(?:^|\/)\.{0,2}(?:\/|$)/;

/**
 * Strips what does not name anything: outer and doubled slashes, `.`, and `..` with what it takes back.
 *
 * @returns The empty string for the root.
 * @throws {CtrError} `bad-data` if the path leaves the root.
 */
export function cleanPath(path: string): string {
  if (!UNCLEAN.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") {
      parts.push(part);
    } else if (parts.pop() === undefined) {
      throw new CtrError("bad-data", `write ext4: the path ${quoted(path)} leaves the root`);
    }
  }
  return parts.join("/");
}

/** A binary string for an error message: as UTF-8, quoted, control characters escaped, not endless. */
export function quoted(binary: string): string {
  const bytes = Uint8Array.from(binary.slice(0, 200), (c) => c.charCodeAt(0));
  return JSON.stringify(new TextDecoder().decode(bytes) + (binary.length > 200 ? "…" : ""));
}
