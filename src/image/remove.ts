import { CtrError } from "../core/mod.ts";
import { collect } from "./collect.ts";
import { isUsed, shownName } from "./describe.ts";
import type { NamedImage } from "./index_file.ts";
import { findImage } from "./resolve.ts";
import type { Store } from "./store.ts";
import type { PruneOptions, Removed, RemoveOptions } from "./types.ts";

export async function removeImages(
  store: Store,
  references: readonly string[],
  options: RemoveOptions,
): Promise<Removed> {
  const found = references.map((text) => findImage(store, text, "remove"));
  const images = [...new Map(found.map((image) => [image.reference, image])).values()];
  if (!options.force) await checkUnused(store, images);
  return await forget(store, images.map(({ reference }) => reference));
}

/** An image that keeps another name may lose one while containers use it. */
async function checkUnused(store: Store, images: readonly NamedImage[]): Promise<void> {
  const used = new Set(store.usedManifests());
  const leaving = new Set(images.map(({ reference }) => reference));
  const staying = new Set(
    store.records.list().filter(({ reference }) => !leaving.has(reference))
      .map(({ descriptor }) => descriptor.digest),
  );
  for (const image of images) {
    if (staying.has(image.descriptor.digest) || !await isUsed(store, image, used)) continue;
    throw new CtrError(
      "invalid-state",
      `cannot remove "${shownName(store, image)}": a container uses it`,
      { hint: "remove the container first, or add --force" },
    );
  }
}

export async function pruneImages(store: Store, options: PruneOptions): Promise<Removed> {
  const used = new Set(store.usedManifests());
  const unused: string[] = [];
  for (const image of store.records.list()) {
    const nameless = /\/untagged@sha256:/.test(image.reference);
    if (!options.all && !nameless) continue;
    if (!await isUsed(store, image, used)) unused.push(image.reference);
  }
  return await forget(store, unused);
}

async function forget(store: Store, references: readonly string[]): Promise<Removed> {
  const leaving = new Set(references);
  if (leaving.size > 0) {
    await store.records.change((images) =>
      [...images.values()].filter(({ reference }) => !leaving.has(reference))
    );
  }
  const { deleted, bytes } = await collect(store);
  return { untagged: references, deleted, reclaimedBytes: bytes };
}
