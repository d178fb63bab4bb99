/** Which files ADD unpacks: tar archives, by what is in them, plain or compressed by gzip, zstd, bzip2, xz. */
import { join } from "node:path";
import { constants, gunzipSync, zstdDecompressSync } from "node:zlib";
import { archiveDisk } from "./archive.ts";
import { decompressed, programFor } from "./decompress.ts";
import { DiskTree } from "./disk_tree.ts";
import type { SourceNode, SourceTree } from "./tree.ts";

const HEAD = 1 << 16;
const BLOCK = 512;
/** A compressed archive on a disk is read at once. */
const MOST_ON_DISK = 2 ** 30;

/**
 * Unpacks a file onto a disk if it is an archive.
 *
 * @param folder For what is made on the way; of the build alone.
 * @returns The content. Undefined: it is a file like any other.
 */
export async function unpackAdded(
  tree: SourceTree,
  node: SourceNode,
  folder: string,
  { doing, signal }: { readonly doing: string; readonly signal: AbortSignal },
): Promise<DiskTree | undefined> {
  if (node.size < 3) return undefined;
  const path = await hostPath(tree, node, folder);
  const head = await headOf(path);
  const program = programFor(head);
  let source = path;
  if (program !== undefined) {
    source = join(folder, `${crypto.randomUUID()}.tar`);
    using file = await Deno.open(path);
    const bytes = decompressed(program, file.readable, doing, signal);
    await Deno.writeFile(source, ReadableStream.from(bytes), { mode: 0o600 });
    if (!isTar(await headOf(source))) return undefined;
  } else if (!isTar(plainHead(head))) {
    return undefined;
  }
  const disk = join(folder, `${crypto.randomUUID()}.ext4`);
  await archiveDisk(source, disk, { doing, signal });
  if (source !== path) await Deno.remove(source);
  return new DiskTree([{ disk }]);
}

async function hostPath(tree: SourceTree, node: SourceNode, folder: string): Promise<string> {
  const { content } = node;
  if (content?.from === "host") return content.path;
  const path = join(folder, `${crypto.randomUUID()}.file`);
  const bytes = content?.from === "bytes"
    ? content.bytes
    : tree instanceof DiskTree
    ? tree.readFile(node.path, MOST_ON_DISK)
    : undefined;
  await Deno.writeFile(path, bytes ?? new Uint8Array(0), { mode: 0o600 });
  return path;
}

async function headOf(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const head = new Uint8Array(HEAD);
  let length = 0;
  for (let got; length < HEAD && (got = await file.read(head.subarray(length))) !== null;) {
    length += got;
  }
  return head.subarray(0, length);
}

/** What a compressed head begins with. */
function plainHead(head: Uint8Array): Uint8Array {
  try {
    if (startsWith(head, [0x1f, 0x8b])) {
      return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH });
    }
    if (startsWith(head, [0x28, 0xb5, 0x2f, 0xfd])) {
      return zstdDecompressSync(head, { finishFlush: constants.ZSTD_e_flush });
    }
    return head;
  } catch {
    return new Uint8Array(0);
  }
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}

/** The first block is a header whose checksum is right. */
function isTar(head: Uint8Array): boolean {
  if (head.length < BLOCK) return false;
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) sum += at >= 148 && at < 156 ? 0x20 : head[at]!;
  const stated = new TextDecoder().decode(head.subarray(148, 156)).replace(/[\0 ]+$/, "").trim();
  return sum > 8 * 0x20 && /^[0-7]+$/.test(stated) && parseInt(stated, 8) === sum;
}
