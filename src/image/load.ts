import { CtrError } from "../core/mod.ts";
import { type Digest, hexOf, isDigest } from "../oci/mod.ts";
import { fileBytes, plainArchive } from "./archive_bytes.ts";
import { folderMembers, type Member, tarMembers } from "./archive_members.ts";
import { collectThese } from "./collect.ts";
import type { BlobSize } from "./content.ts";
import { completeDisks } from "./complete_disks.ts";
import { withAction } from "./disk_errors.ts";
import { presentImages } from "./resolve.ts";
import type { ImageLease } from "./images.ts";
import type { NamedImage } from "./index_file.ts";
import { takeLease } from "./lease.ts";
import { diskIds } from "./layer_disks.ts";
import { imagesOfDocker } from "./load_docker.ts";
import { imagesOfLayout } from "./load_layout.ts";
import { lockObject } from "./object_lock.ts";
import { recordOf, type Store } from "./store.ts";
import type { Loaded, LoadOptions, LoadSource } from "./types.ts";

/** Files that say what an archive is, kept in memory. All else becomes blobs. */
const DOCUMENTS: readonly string[] = ["oci-layout", "index.json", "manifest.json"];
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** An archive after it was read: its documents, and where its other files went. */
export interface ReadArchive {
  readonly documents: ReadonlyMap<string, Uint8Array>;
  readonly files: ReadonlyMap<string, BlobSize>;
  readonly links: ReadonlyMap<string, string>;
}

/**
 * Reads an archive once, from front to end, as pipes demand. Members become blobs as they come, and
 * what turns out not to belong to an image is deleted in the end.
 */
export async function loadImages(
  store: Store,
  source: LoadSource,
  options: LoadOptions,
): Promise<Loaded> {
  const where = source.kind === "bytes" ? "the archive" : `"${source.path}"`;
  return await withAction(`cannot load ${where}`, store.paths.home, async () => {
    const skipped: string[] = [];
    const onUnsafe = (path: string, why: string) => {
      const shown = path.slice(0, 120);
      if (!options.skipUnsafe) throw new CtrError("bad-data", `cannot use "${shown}": ${why}`);
      skipped.push(shown);
    };
    const kept = new Set<Digest>();
    try {
      await using lease = await takeLease(store.paths);
      const members = openMembers(store, source, onUnsafe);
      const archive = await readMembers(store, lease, members, kept, options.signal);
      const images = await imagesIn(store, archive, lease);
      if (images.length === 0) throw new CtrError("bad-data", "cannot use it: it holds no image");
      const unpacksNow = options.unpack !== "later";
      if (unpacksNow) { for (const image of images) await unpackFor(store, image, lease, options); }
      const named = images.map((image) => ({ ...image, createdMs: Date.now() }));
      await store.records.change((before) => {
        const after = new Map(before);
        for (const image of named) after.set(image.reference, image);
        return after.values();
      });
      if (!unpacksNow) store.later.unpack(images.map(({ reference }) => reference));
      return { images: named.map((image) => recordOf(store, image)), skipped };
    } finally {
      await collectThese(store, "blobs", kept);
    }
  });
}

function openMembers(
  store: Store,
  source: LoadSource,
  onUnsafe: (path: string, why: string) => void,
): AsyncGenerator<Member> {
  if (source.kind === "directory") return folderMembers(source.path, { onUnsafe });
  const bytes = source.kind === "file" ? fileBytes(source.path) : source.bytes;
  return tarMembers(plainArchive(bytes, store.limits.archiveBytes), { onUnsafe });
}

/** @param kept Gets the digests of new blobs, also when this throws. */
async function readMembers(
  store: Store,
  lease: ImageLease,
  members: AsyncGenerator<Member>,
  kept: Set<Digest>,
  signal: AbortSignal | undefined,
): Promise<ReadArchive> {
  const documents = new Map<string, Uint8Array>();
  const files = new Map<string, BlobSize>();
  const links = new Map<string, string>();
  for await (const member of members) {
    signal?.throwIfAborted();
    const { path, content, linkTo } = member;
    if (documents.has(path)) {
      throw new CtrError("bad-data", `cannot use "${path}": it is there twice`);
    }
    if (linkTo !== undefined) links.set(path, linkTo);
    else if (DOCUMENTS.includes(path)) documents.set(path, await collected(path, content));
    else if (!isLegacy(path)) files.set(path, await keep(store, lease, member, kept));
  }
  return { documents, files, links };
}

/** What Docker wrote for its first versions, and nobody reads. */
function isLegacy(path: string): boolean {
  return path === "repositories" || /^[0-9a-f]{64}\/(VERSION|json)$/.test(path);
}

async function collected(path: string, content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of content) {
    size += part.length;
    if (size > MAX_DOCUMENT_BYTES) {
      throw new CtrError(
        "too-large",
        `cannot use "${path}": more than ${MAX_DOCUMENT_BYTES} bytes`,
      );
    }
    parts.push(part);
  }
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

async function keep(
  store: Store,
  lease: ImageLease,
  { path, content }: Member,
  kept: Set<Digest>,
): Promise<BlobSize> {
  const named = `sha256:${/^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1]}`;
  if (isDigest(named)) {
    const here = await presentBlob(store, lease, named);
    if (here) return here;
  }
  const written = await store.content.write(content, undefined, async (digest) => {
    if (isDigest(named) && named !== digest) {
      throw new CtrError("bad-data", `cannot use "${path}": its bytes have another digest`);
    }
    await lease.add(digest);
    if (await store.content.size(digest) === undefined) kept.add(digest);
  });
  return written;
}

async function presentBlob(
  store: Store,
  lease: ImageLease,
  digest: Digest,
): Promise<BlobSize | undefined> {
  await lease.add(digest);
  await using _lock = await lockObject(store.paths.lock(`blob-${hexOf(digest)}`));
  const size = await store.content.size(digest);
  return size === undefined ? undefined : { digest, size };
}

async function imagesIn(
  store: Store,
  archive: ReadArchive,
  lease: ImageLease,
): Promise<Omit<NamedImage, "createdMs">[]> {
  if (archive.documents.has("index.json")) return await imagesOfLayout(store, archive, lease);
  if (archive.documents.has("manifest.json")) return await imagesOfDocker(store, archive, lease);
  throw new CtrError("bad-data", "cannot use it: it is neither an OCI layout nor of docker save");
}

/** Makes the disks of the platform that runs here; those of others are made when they are used. */
async function unpackFor(
  store: Store,
  image: Omit<NamedImage, "createdMs">,
  lease: ImageLease,
  options: LoadOptions,
): Promise<void> {
  const present = await presentImages(store, image.descriptor);
  for (const { layers, platform } of present) {
    if (platform.architecture !== store.hostPlatform.architecture) continue;
    await lease.add(...diskIds(store.disks.plan(layers)));
    for (const { digest, size } of layers) {
      options.onProgress?.({ kind: "layer", digest, phase: "unpacking", current: 0, total: size });
    }
    await completeDisks(store, layers, { signal: options.signal });
    for (const { digest, size } of layers) {
      options.onProgress?.({ kind: "layer", digest, phase: "done", current: size, total: size });
    }
  }
}
