/** Disks to an archive or a list of changes, in a worker. The opposite of a layer's way to its disk. */
import { createHash } from "node:crypto";
import { type Ext4Reader, openExt4 } from "../ext4/mod.ts";
import { textOf } from "../tar/mod.ts";
import { BufferQueue } from "./buffer_queue.ts";
import { changes } from "./changes.ts";
import type { Part } from "./overlay.ts";
import { TarPacker } from "./pack_entry.ts";
import type { PackedResult, PackJob } from "./protocol.ts";
import { type PackedEntry, type Stack, treeEntries } from "./tree_entries.ts";

/** Where overlayfs keeps a container's changes on its writable disk. */
const UPPER = "upper";

export async function runPackJob(job: PackJob): Promise<PackedResult> {
  const files: Deno.FsFile[] = [];
  const open = (path: string): Ext4Reader => {
    const file = Deno.openSync(path, { read: true });
    files.push(file);
    return openExt4(file);
  };
  const queue = new BufferQueue(job.port);
  try {
    const layers = job.disks.map(open);
    const roots = layers.map((reader, layer): Part => ({ layer, inode: reader.root() })).reverse();
    const upper = job.upper === undefined ? undefined : upperPart(layers, open(job.upper));
    return await run(job, { layers, roots }, upper, queue);
  } finally {
    for (const file of files) file.close();
  }
}

/** @returns Undefined if nothing was ever mounted there. */
function upperPart(layers: Ext4Reader[], reader: Ext4Reader): Part | undefined {
  const inode = reader.lookup(UPPER);
  layers.push(reader);
  return inode?.type === "directory" ? { layer: layers.length - 1, inode } : undefined;
}

async function run(
  job: PackJob,
  stack: Stack,
  upper: Part | undefined,
  queue: BufferQueue,
): Promise<PackedResult> {
  const { maxEntries, maxContentBytes } = job.limits;
  if (job.what === "tree") {
    const roots = upper ? [upper, ...stack.roots] : stack.roots;
    const entries = treeEntries({ ...stack, roots }, maxEntries);
    return await archive(entries, new TarPacker(stack.layers, maxContentBytes), tarOutput(queue));
  }
  const changed = upper ? changes(stack, upper, job.ignored, maxEntries) : [];
  if (job.what === "layer") {
    return await archive(changed, new TarPacker(stack.layers, maxContentBytes), gzipOutput(queue));
  }
  let entries = 0;
  const encoder = new TextEncoder();
  for (const { kind, path } of changed) {
    const line = `${JSON.stringify({ kind, path: `/${textOf(path)}` })}\n`;
    const wait = queue.put(encoder.encode(line));
    if (wait) await wait;
    entries++;
  }
  queue.end();
  return { entries, bytes: 0, diffId: "" };
}

interface Output {
  put(bytes: Uint8Array): Promise<void> | undefined;
  end(): Promise<void> | void;
  /** Of the bytes before compression. */
  readonly diffId: () => string;
}

async function archive(
  entries: Iterable<PackedEntry>,
  packer: TarPacker,
  output: Output,
): Promise<PackedResult> {
  let bytes = 0;
  const put = async (piece: Uint8Array): Promise<void> => {
    bytes += piece.length;
    const wait = output.put(piece);
    if (wait) await wait;
  };
  for (const entry of entries) {
    for (const piece of packer.pack(entry)) if (piece.length > 0) await put(piece);
  }
  await put(packer.end());
  await output.end();
  return { entries: packer.entries, bytes, diffId: output.diffId() };
}

function tarOutput(queue: BufferQueue): Output {
  return { put: (bytes) => queue.put(bytes), end: () => queue.end(), diffId: () => "" };
}

/** Pieces are gathered: a message per header would cost the compressor more than its work. */
function gzipOutput(queue: BufferQueue): Output {
  const hash = createHash("sha256");
  const gzip = new CompressionStream("gzip");
  const writer = gzip.writable.getWriter();
  let buffer = new Uint8Array(GATHER);
  let length = 0;
  const done = (async () => {
    for await (const bytes of gzip.readable) {
      const wait = queue.put(bytes);
      if (wait) await wait;
    }
    queue.end();
  })();
  done.catch(() => {}); // awaited at the end
  const flush = async (): Promise<void> => {
    const bytes = buffer.subarray(0, length);
    buffer = new Uint8Array(GATHER);
    length = 0;
    hash.update(bytes);
    await writer.write(bytes);
  };
  return {
    put(bytes) {
      if (bytes.length > GATHER - length) return putSlowly(bytes);
      buffer.set(bytes, length);
      length += bytes.length;
      return undefined;
    },
    async end() {
      await flush();
      await writer.close();
      await done;
    },
    diffId: () => `sha256:${hash.digest("hex")}`,
  };

  async function putSlowly(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const take = Math.min(GATHER - length, bytes.length - at);
      buffer.set(bytes.subarray(at, at + take), length);
      length += take;
      at += take;
      if (length === GATHER) await flush();
    }
  }
}

const GATHER = 1 << 18;
