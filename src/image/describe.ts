import { parseReference } from "../oci/mod.ts";
import type { NamedImage } from "./index_file.ts";
import { presentImages } from "./resolve.ts";
import type { Store } from "./store.ts";
import type { ImageObject } from "./types.ts";
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
