import { createHash } from "node:crypto";
import { CtrError } from "../core/mod.ts";
import {
  type Compression,
  type Digest,
  formatReference,
  MEDIA_TYPE,
  type Platform,
} from "../oci/mod.ts";
import { fileBytes, plainArchive, startsWith } from "./archive_bytes.ts";
import { applyChanges } from "./changes.ts";
import { collectThese } from "./collect.ts";
import type { BlobSize } from "./content.ts";
import { withAction } from "./disk_errors.ts";
import type { ImageLease } from "./images.ts";
import { takeLease } from "./lease.ts";
import { untagged } from "./load_layout.ts";
import { recordOf, type Store } from "./store.ts";
import type { ImportOptions } from "./form_types.ts";
import type { ImageRecord, LoadSource } from "./types.ts";

const LAYER_TYPES: Readonly<Record<Compression, string>> = {
  none: MEDIA_TYPE.layer,
  gzip: MEDIA_TYPE.layerGzip,
  zstd: MEDIA_TYPE.layerZstd,
};

/**
 * Makes an image of one layer from the archive of a root file system. The archive is kept as it is,
 * compressed or not.
 *
 * @throws {CtrError} `bad-data` if it is not an archive, or a path leaves it.
 */
export async function importImage(
  store: Store,
  source: Exclude<LoadSource, { kind: "directory" }>,
  options: ImportOptions,
): Promise<ImageRecord> {
  const where = options.from ?? (source.kind === "file" ? `"${source.path}"` : "the archive");
  return await withAction(`cannot import ${where}`, store.paths.home, async () => {
    const process = applyChanges({}, options.changes ?? []);
    const named = options.reference && formatReference(store.parse(options.reference));
    const kept = new Set<Digest>();
    try {
      await using lease = await takeLease(store.paths);
      const layer = await keepLayer(store, source, lease, kept, options.signal);
      const platform = options.platform ?? store.hostPlatform;
      const config = configOf(layer.diffId, platform, process, options);
      const manifest = {
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.manifest,
        config: { mediaType: MEDIA_TYPE.config, ...await put(store, lease, config) },
        layers: [{ mediaType: LAYER_TYPES[layer.compression], ...layer.blob }],
      };
      const descriptor = {
        mediaType: MEDIA_TYPE.manifest,
        ...await put(store, lease, manifest),
      };
      // The disk's maker reads every entry: what is not a root file system is refused here.
      const path = store.paths.blob(layer.blob.digest);
      const { mediaType } = manifest.layers[0]!;
      await lease.add(layer.diffId);
      await store.disks.make(
        { ...layer.blob, mediaType, diffId: layer.diffId, path },
        () => path,
        { signal: options.signal },
      );
      const reference = named ?? untagged(descriptor.digest);
      return recordOf(store, await store.records.put(reference, descriptor));
    } finally {
      await collectThese(store, "blobs", kept);
    }
  });
}

async function keepLayer(
  store: Store,
  source: Exclude<LoadSource, { kind: "directory" }>,
  lease: ImageLease,
  kept: Set<Digest>,
  signal: AbortSignal | undefined,
): Promise<{ blob: BlobSize; diffId: Digest; compression: Compression }> {
  let head = new Uint8Array(0);
  const bytes = async function* () {
    const pieces = source.kind === "file" ? fileBytes(source.path) : source.bytes;
    let size = 0;
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      if (head.length < 6) head = Uint8Array.from([...head, ...piece.subarray(0, 6)]);
      if ((size += piece.length) > store.limits.archiveBytes) {
        throw new CtrError("too-large", "cannot read the archive: it is larger than the limit");
      }
      yield piece;
    }
    if (size === 0) throw new CtrError("bad-data", "cannot read the archive: it is empty");
  };
  const blob = await store.content.write(bytes(), undefined, async (digest) => {
    await lease.add(digest);
    if (await store.content.size(digest) === undefined) kept.add(digest);
  });
  const compression = compressionOf(head);
  if (compression === "none" && !isOtherwiseCompressed(head)) {
    return { blob, diffId: blob.digest, compression };
  }
  const hash = createHash("sha256");
  const stored = fileBytes(store.paths.blob(blob.digest));
  for await (const piece of plainArchive(stored, store.limits.layerBytes)) {
    signal?.throwIfAborted();
    hash.update(piece);
  }
  return { blob, diffId: `sha256:${hash.digest("hex")}`, compression };
}

function compressionOf(head: Uint8Array): Compression {
  if (startsWith(head, [0x1f, 0x8b])) return "gzip";
  return startsWith(head, [0x28, 0xb5, 0x2f, 0xfd]) ? "zstd" : "none";
}

/** xz and bzip2, which `plainArchive` refuses by name. */
function isOtherwiseCompressed(head: Uint8Array): boolean {
  return startsWith(head, [0xfd, 0x37, 0x7a, 0x58]) || startsWith(head, [0x42, 0x5a, 0x68]);
}

function configOf(
  diffId: Digest,
  { os, architecture, variant }: Platform,
  process: Record<string, unknown>,
  options: ImportOptions,
) {
  const created = new Date().toISOString();
  const from = options.from?.replaceAll('"', "") ?? "an archive";
  return {
    created,
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    config: process,
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [{
      created,
      created_by: `ctr image import ${from}`,
      comment: options.message ?? `Imported from ${from}`,
    }],
  };
}

async function put(store: Store, lease: ImageLease, document: unknown): Promise<BlobSize> {
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  return await store.content.write(bytes, undefined, (digest) => lease.add(digest));
}
