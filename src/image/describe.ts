import { parseReference } from "../oci/mod.ts";
import { addAttached, allocatedBytes, neededBy, objectsIn, usedDescriptors } from "./collect.ts";
import type { NamedImage } from "./index_file.ts";
import { presentImages } from "./resolve.ts";
import type { Store } from "./store.ts";
import type { ImageDiskUsage, ImageObject } from "./types.ts";
import { z } from "zod";

const AnyObject = z.record(z.string(), z.unknown());

/** The JSON object of one image. Platforms that are not in the store are left out. */
export async function describeImage(store: Store, image: NamedImage): Promise<ImageObject> {
  const variants = [];
  for (const present of await presentImages(store, image.descriptor)) {
    const { descriptor, manifest, platform, layers, configBytes } = present;
    let size = descriptor.size + manifest.config.size;
    for (const layer of layers) size += layer.size;
    const config = AnyObject.parse(JSON.parse(new TextDecoder().decode(configBytes)));
    variants.push({ platform, digest: descriptor.digest, size, config });
  }
  return {
    id: image.descriptor.digest.slice("sha256:".length),
    configuration: {
      name: image.reference,
      creationDate: new Date(image.createdMs).toISOString(),
      descriptor: image.descriptor,
    },
    variants,
  };
}

/** Sizes on the host's disk, blobs and layer disks together. */
export async function measure(store: Store): Promise<ImageDiskUsage> {
  const used = new Set(store.usedManifests());
  const images = store.records.list();
  let active = 0;
  for (const image of images) if (await isUsed(store, image, used)) active++;
  const roots = [
    ...usedDescriptors(store),
    ...await store.records.foreign(),
  ];
  const kept = await neededBy(store, roots);
  await addAttached(store, await store.records.attached(), kept);
  let sizeInBytes = 0;
  let reclaimable = 0;
  const places = [["blobs", store.paths.blobs, ""], [
    "disks",
    store.paths.layers,
    ".ext4",
  ]] as const;
  for (const [kind, folder, suffix] of places) {
    for (const digest of await objectsIn(folder, suffix)) {
      const path = kind === "blobs" ? store.paths.blob(digest) : store.paths.disk(digest);
      const bytes = allocatedBytes(path);
      sizeInBytes += bytes;
      if (!kept[kind].has(digest)) reclaimable += bytes;
    }
  }
  return { total: images.length, active, sizeInBytes, reclaimable };
}

/** True if a container uses a platform of the image. */
export async function isUsed(
  store: Store,
  image: NamedImage,
  used: ReadonlySet<string>,
): Promise<boolean> {
  if (used.size === 0) return false;
  const present = await presentImages(store, image.descriptor);
  return present.some(({ descriptor }) => used.has(descriptor.digest));
}

export function shownName(store: Store, image: NamedImage): string {
  return store.familiar(parseReference(image.reference));
}
