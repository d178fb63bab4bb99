/** What an image holds: its layers, one over the other, read from their tars and nothing else. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { readTar, type TarEntry, textOf } from "../../../src/tar/mod.ts";

/** One path, without times: `file 644 0:0 sha256…`, `symlink 777 0:0 -> target`. */
export type Tree = ReadonlyMap<string, string>;

interface Node {
  readonly kind: TarEntry["type"];
  readonly line: string;
}

const PIECES = new Map<string, { readonly entry: TarEntry; readonly line: string }[]>();

/**
 * Applies layers as the OCI image specification says, whiteouts included.
 *
 * @param layers Bottom first: blobs, whatever their compression, by their digest.
 */
export async function imageTree(
  layers: readonly { digest: string; read: () => Promise<Uint8Array> }[],
): Promise<Tree> {
  const nodes = new Map<string, Node>();
  for (const { digest, read } of layers) {
    if (!PIECES.has(digest)) PIECES.set(digest, lines(unpacked(await read())));
    apply(nodes, PIECES.get(digest)!);
  }
  return new Map([...nodes].map(([path, { line }]) => [path, line] as const).sort());
}

function unpacked(blob: Uint8Array): Uint8Array {
  if (blob[0] === 0x1f && blob[1] === 0x8b) return gunzipSync(blob);
  if (blob[0] === 0x28 && blob[1] === 0xb5) return zstdDecompressSync(blob);
  return blob;
}

function lines(tar: Uint8Array): { entry: TarEntry; line: string }[] {
  return readTar(tar).map(({ entry, content }) => ({ entry, line: lineOf(entry, content) }));
}

function lineOf(entry: TarEntry, content: Uint8Array): string {
  const words = [entry.type, entry.mode.toString(8), `${entry.uid}:${entry.gid}`];
  if (entry.type === "file") words.push(createHash("sha256").update(content).digest("hex"));
  if (entry.type === "symlink") words.push(`-> ${textOf(entry.linkTarget)}`);
  if (entry.type === "char" || entry.type === "block") {
    words.push(`${entry.devMajor}/${entry.devMinor}`);
  }
  for (const [name, value] of [...entry.xattrs ?? []].sort()) {
    words.push(`${textOf(name)}=${new TextDecoder().decode(value)}`);
  }
  return words.join(" ");
}

function apply(nodes: Map<string, Node>, entries: readonly { entry: TarEntry; line: string }[]) {
  const here = new Set<string>();
  for (const { entry, line } of entries) {
    const path = clean(textOf(entry.path));
    const name = path.slice(path.lastIndexOf("/") + 1);
    const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    if (name === ".wh..wh..opq") {
      for (const below of under(nodes, folder)) if (!here.has(below)) nodes.delete(below);
    } else if (name.startsWith(".wh.")) {
      remove(nodes, folder === "" ? name.slice(4) : `${folder}/${name.slice(4)}`);
    } else {
      if (path === "") continue; // the root's own mode is the runtime's
      const before = nodes.get(path);
      if (before && !(before.kind === "directory" && entry.type === "directory")) {
        remove(nodes, path);
      }
      nodes.set(path, nodeOf(nodes, entry, line));
      here.add(path);
    }
  }
}

/** A hard link is told as the file that it is: builders may keep or part the names of one file. */
function nodeOf(nodes: Map<string, Node>, entry: TarEntry, line: string): Node {
  if (entry.type !== "hardlink") return { kind: entry.type, line };
  const target = nodes.get(clean(textOf(entry.linkTarget)));
  assert.ok(target, `a hard link to nothing: ${entry.path} to ${entry.linkTarget}`);
  return target;
}

function clean(path: string): string {
  return path.split("/").filter((part) => part !== "" && part !== ".").join("/");
}

function under(nodes: Map<string, Node>, folder: string): string[] {
  return [...nodes.keys()].filter((path) => folder === "" || path.startsWith(`${folder}/`));
}

function remove(nodes: Map<string, Node>, path: string): void {
  for (const below of under(nodes, path)) nodes.delete(below);
  nodes.delete(path);
}

/** The lines in which two trees differ: `- path what` of the first, `+ path what` of the second. */
export function differences(first: Tree, second: Tree): string[] {
  const found: string[] = [];
  for (const path of [...new Set([...first.keys(), ...second.keys()])].sort()) {
    const [a, b] = [first.get(path), second.get(path)];
    if (a === b) continue;
    if (a !== undefined) found.push(`- ${path} ${a}`);
    if (b !== undefined) found.push(`+ ${path} ${b}`);
  }
  return found;
}
