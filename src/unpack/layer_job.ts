/** A new layer, in its worker: entries to an archive, and in the same pass to the disk. See `compress_job.ts`. */
import { CtrError } from "../core/mod.ts";
import { type Ext4Reader, openExt4 } from "../ext4/mod.ts";
import { changes } from "./changes.ts";
import { EarlyFlush } from "./early_flush.ts";
import { EntryPacker } from "./entry_packer.ts";
import type { DiskFolder, LayerContent } from "./layer_content.ts";
import { LayerDisk } from "./layer_disk.ts";
import { LayerStream } from "./layer_stream.ts";
import type { Part } from "./overlay.ts";
import { TarPacker } from "./pack_entry.ts";
import type { LayerJob, Limits, Written } from "./protocol.ts";
import { rewriteArchive } from "./rewrite_archive.ts";

export async function runLayerJob(job: LayerJob): Promise<Written & { uncompressedBytes: number }> {
  using opened = new OpenDisks();
  const file = Deno.openSync(job.disk, { write: true });
  const flush = new EarlyFlush(job.disk);
  try {
    const disk = new LayerDisk(file, job.limits);
    const stream = new LayerStream(job.port, disk, flush);
    await write(job.content, stream, opened, job.limits);
    const diffId = await stream.end();
    // The disk's UUID follows from the layer, so that the same layer is the same disk everywhere.
    const { blocks, sizeBytes } = disk.finish(diffId.subarray(0, 16));
    file.syncSync();
    return {
      diffId: `sha256:${hex(diffId)}`,
      entries: disk.entries,
      privilegedFiles: disk.privilegedFiles,
      blocks,
      sizeBytes,
      uncompressedBytes: stream.bytes,
    };
  } finally {
    job.port.close();
    flush[Symbol.dispose]();
    file.close();
  }
}

async function write(
  content: LayerContent,
  stream: LayerStream,
  opened: OpenDisks,
  limits: Limits,
): Promise<void> {
  switch (content.kind) {
    case "entries": {
      const packer = new EntryPacker(stream, content.disks.map((path) => opened.open(path)));
      for (const entry of content.entries) {
        const wait = packer.pack(entry);
        if (wait) await wait;
      }
      return await packer.end();
    }
    case "changes":
      return await writeChanges(content, stream, opened, limits);
    case "archive":
      return await rewriteArchive(content.path, content.latestMtime, stream, limits);
  }
}

async function writeChanges(
  { lowers, upper, ignored }: Extract<LayerContent, { kind: "changes" }>,
  stream: LayerStream,
  opened: OpenDisks,
  limits: Limits,
): Promise<void> {
  const layers: Ext4Reader[] = [];
  const partOf = (folder: DiskFolder): Part => {
    const reader = opened.open(folder.disk);
    const inode = reader.lookup(folder.folder ?? "");
    if (inode?.type !== "directory") {
      throw new CtrError("bad-data", `the disk has no folder "${folder.folder ?? "/"}"`);
    }
    return { layer: layers.push(reader) - 1, inode };
  };
  const roots = lowers.map(partOf).reverse();
  const changed = changes(
    { layers, roots },
    partOf(upper),
    ignored ?? { folders: [], emptyFiles: [] },
    limits.maxEntries,
  );
  const packer = new TarPacker(layers, limits.maxContentBytes);
  for (const entry of changed) {
    for (const piece of packer.pack(entry)) {
      const wait = stream.put(piece);
      if (wait) await wait;
    }
  }
  const wait = stream.put(packer.end());
  if (wait) await wait;
}

/** Each disk is opened once: a scratch disk is the lower and the upper of its steps. */
class OpenDisks implements Disposable {
  readonly #readers = new Map<string, Ext4Reader>();
  readonly #files: Deno.FsFile[] = [];

  open(path: string): Ext4Reader {
    const known = this.#readers.get(path);
    if (known) return known;
    const file = Deno.openSync(path, { read: true });
    this.#files.push(file);
    const reader = openExt4(file);
    this.#readers.set(path, reader);
    return reader;
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) file.close();
  }
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
