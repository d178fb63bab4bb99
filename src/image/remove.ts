import { CtrError } from "../core/mod.ts";
import { collect } from "./collect.ts";
import { isUsed, shownName } from "./describe.ts";
import type { NamedImage } from "./index_file.ts";
import { findImage, presentImages } from "./resolve.ts";
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
    const container = await userOf(store, image);
    const who = container === undefined ? "a container" : `the container "${container}"`;
    throw new CtrError(
      "invalid-state",
      `cannot remove "${shownName(store, image)}": ${who} uses it`,
      { hint: "remove the container first, or add --force" },
    );
  }
}

/** The name of one container that uses the image. */
async function userOf(store: Store, image: NamedImage): Promise<string | undefined> {
  const present = await presentImages(store, image.descriptor);
  const manifests = new Set<string>(present.map(({ descriptor }) => descriptor.digest));
  for (const { name, manifest } of store.users()) if (manifests.has(manifest)) return name;
  return undefined;
}

export async function pruneImages(store: Store, options: PruneOptions): Promise<Removed> {
  const used = new Set(store.usedManifests());
  const unused: string[] = [];
  for (const image of store.records.list()) {
    const nameless = /\/untagged@sha256:/.test(image.reference);
    if (!options.all && !nameless) continue;
    if (!await matches(store, image, options)) continue;
    if (!await isUsed(store, image, used)) unused.push(image.reference);
  }
  return await forget(store, unused);
}

/** What the filters of `prune` say. Labels are those of any platform that is here. */
async function matches(store: Store, image: NamedImage, options: PruneOptions): Promise<boolean> {
  if (options.until && image.createdMs >= options.until.getTime()) return false;
  if (!options.labels?.length) return true;
  const present = await presentImages(store, image.descriptor);
  return options.labels.every(({ name, value, not = false }) => {
    const has = present.some(({ config: { config } }) => {
      const labels = config?.Labels ?? {};
      return Object.hasOwn(labels, name) && (value === undefined || labels[name] === value);
    });
    return has !== not;
  });
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
