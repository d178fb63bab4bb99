/** The digest of what COPY takes: what Docker counts. Times do not, names, modes, owners and contents do. */
import { createHash } from "node:crypto";
import type { SourceNode } from "../source/tree.ts";
import type { Item } from "./select.ts";

/** @param contents Hexadecimal digests of files that are not empty. */
export function selectionDigest(
  items: readonly Item[],
  contents: ReadonlyMap<SourceNode, string>,
): string {
  const hash = createHash("sha256");
  let lines: string[] = [];
  const flush = () => {
    hash.update(lines.join("\n"), "latin1");
    lines = [];
  };
  for (const item of items) {
    lines.push(`\n# ${quoted(item.name)}`);
    for (const { path, node } of item.entries) {
      lines.push(line(path, node, contents.get(node) ?? ""));
      if (lines.length > 4096) flush();
    }
  }
  flush();
  return hash.digest("hex");
}

function line(path: string, node: SourceNode, content: string): string {
  const { type, mode, uid, gid, size, linkTarget, devMajor, devMinor, linkKey, xattrs } = node;
  const attributes = xattrs
    ? [...xattrs].map(([name, value]) => `${name}=${value.toHex()}`).sort().join()
    : "";
  const several = linkKey === undefined ? "" : "+";
  return [
    quoted(path),
    type,
    mode.toString(8),
    uid,
    gid,
    size,
    content,
    quoted(linkTarget),
    `${devMajor}:${devMinor}${several}`,
    quoted(attributes),
  ].join(" ");
}

/** Names may hold anything but a slash and a zero. */
function quoted(text: string): string {
  return text.replace(/[\\\s]/g, (char) => `\\${char.charCodeAt(0)}.`);
}
