import { CtrError } from "../core/mod.ts";
import { type Descriptor, type Digest, hexOf, MEDIA_TYPE } from "../oci/mod.ts";
import { binaryOf, TAR_END, tarHeader, tarPadding } from "../tar/mod.ts";
import { fileBytes } from "./archive_bytes.ts";
import { neededBy } from "./collect.ts";
import type { ImageManifest } from "./graph.ts";
import type { NamedImage } from "./index_file.ts";
import { takeLease } from "./lease.ts";
import { missingBlob } from "./layer_disks.ts";
import { compressed } from "./recompress.ts";
import { findImage, imageFor, presentImages } from "./resolve.ts";
import type { Store } from "./store.ts";
import type { SaveOptions } from "./types.ts";

/** A file of the archive that is made here. */
interface Document {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What an archive will hold. */
interface Contents {
  readonly documents: readonly Document[];
  readonly blobs: readonly Digest[];
}

/**
 * Writes an archive of images. The same images make the same bytes.
 *
 * `docker` is what `docker save` has written since version 25: an OCI layout with a `manifest.json`
 * beside it, so that old and new readers are content.
 */
export function saveImages(
  store: Store,
  references: readonly string[],
  options: SaveOptions,
): AsyncIterable<Uint8Array> {
  return compressed(archiveOf(store, references, options), options.compression ?? "none");
}

async function* archiveOf(
  store: Store,
  references: readonly string[],
  options: SaveOptions,
): AsyncGenerator<Uint8Array> {
  if (references.length === 0) throw new CtrError("usage", "cannot save: no image was named");
  await using lease = await takeLease(store.paths);
  const images = references.map((text) => findImage(store, text, "save"));
  const distinct = [...new Map(images.map((image) => [image.reference, image])).values()];
  for (const { descriptor } of distinct) {
    await lease.add(...(await neededBy(store, [descriptor])).blobs);
  }
  const { documents, blobs } = options.format === "docker"
    ? await dockerContents(store, distinct, options)
    : await layoutContents(store, distinct, options);
  for (const { path, bytes } of documents) {
    yield* member(path, bytes.length, [bytes]);
  }
  for (const path of ["blobs", "blobs/sha256"]) {
    yield tarHeader({ path, type: "directory", mode: 0o755 });
  }
  for (const digest of blobs) {
    const size = await store.content.size(digest);
    if (size === undefined) {
      throw new CtrError("not-found", `cannot save blob ${digest}: it is not here`);
    }
    yield* member(`blobs/sha256/${hexOf(digest)}`, size, fileBytes(store.paths.blob(digest)));
  }
  yield TAR_END;
}

async function* member(
  path: string,
  size: number,
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield tarHeader({ path: binaryOf(path), type: "file", mode: 0o444, size });
  for await (const piece of content) yield piece;
  const padding = tarPadding(size);
  if (padding.length > 0) yield padding;
}

async function layoutContents(
  store: Store,
  images: readonly NamedImage[],
  options: SaveOptions,
): Promise<Contents> {
  const roots: { root: Descriptor; reference: string }[] = [];
  const blobs = new Set<Digest>();
  for (const { reference, descriptor } of images) {
    const shown = store.familiar(store.parse(reference));
    const chosen = options.platform && await imageFor(store, descriptor, options.platform, shown);
    const present = chosen ? [chosen] : await presentImages(store, descriptor);
    for (const image of present) await addBlobs(store, image, blobs, shown);
    const root = chosen ? chosen.descriptor : descriptor;
    if (!chosen) await addIndexes(store, descriptor, blobs);
    roots.push({ root, reference });
  }
  return { documents: layoutDocuments(roots), blobs: [...blobs].sort() };
}

/** Indexes between the root and its manifests; those whose parts are not here as well. */
async function addIndexes(store: Store, root: Descriptor, blobs: Set<Digest>): Promise<void> {
  for (const digest of (await neededBy(store, [root])).blobs) {
    if (await store.content.size(digest) !== undefined) blobs.add(digest);
  }
}

async function addBlobs(
  store: Store,
  { descriptor, manifest, layers }: ImageManifest,
  blobs: Set<Digest>,
  shown: string,
): Promise<void> {
  blobs.add(descriptor.digest).add(manifest.config.digest);
  for (const layer of layers) {
    if (!await store.content.has(layer)) throw missingBlob(shown, layer);
    blobs.add(layer.digest);
  }
}

function layoutDocuments(roots: readonly { root: Descriptor; reference: string }[]): Document[] {
  const manifests = roots.map(({ root, reference }) => ({
    ...root,
    annotations: {
      ...root.annotations,
      "io.containerd.image.name": reference,
      "org.opencontainers.image.ref.name": reference,
    },
  }));
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests };
  return [
    json("oci-layout", { imageLayoutVersion: "1.0.0" }),
    json("index.json", index),
  ];
}

async function dockerContents(
  store: Store,
  images: readonly NamedImage[],
  options: SaveOptions,
): Promise<Contents> {
  const blobs = new Set<Digest>();
  const roots: { root: Descriptor; reference: string }[] = [];
  const entries = new Map<Digest, { Config: string; RepoTags: string[]; Layers: string[] }>();
  for (const { reference, descriptor } of images) {
    const shown = store.familiar(store.parse(reference));
    const wanted = options.platform ?? store.hostPlatform;
    const image = await imageFor(store, descriptor, wanted, shown);
    await addBlobs(store, image, blobs, shown);
    roots.push({ root: image.descriptor, reference });
    const entry = entries.get(image.descriptor.digest) ?? {
      Config: blobPath(image.manifest.config.digest),
      RepoTags: [],
      Layers: image.layers.map(({ digest }) => blobPath(digest)),
    };
    if (!reference.includes("@")) entry.RepoTags.push(shown);
    entries.set(image.descriptor.digest, entry);
  }
  const documents = [...layoutDocuments(roots), json("manifest.json", [...entries.values()])];
  return { documents, blobs: [...blobs].sort() };
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

function json(path: string, value: unknown): Document {
  return { path, bytes: new TextEncoder().encode(JSON.stringify(value)) };
}
