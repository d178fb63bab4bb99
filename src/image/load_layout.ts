import { CtrError } from "../core/mod.ts";
import {
  type Descriptor,
  formatReference,
  IndexSchema,
  LayoutSchema,
  MAX_MANIFEST_BYTES,
  parseDocument,
  parseReference,
} from "../oci/mod.ts";
import type { ImageLease } from "./images.ts";
import type { NamedImage } from "./index_file.ts";
import type { ReadArchive } from "./load.ts";
import { presentImages } from "./resolve.ts";
import type { Store } from "./store.ts";

/** The images of an OCI layout whose blobs are in the store by now. */
export async function imagesOfLayout(
  store: Store,
  { documents }: ReadArchive,
  lease: ImageLease,
): Promise<Omit<NamedImage, "createdMs">[]> {
  const layout = documents.get("oci-layout");
  if (!layout) throw new CtrError("bad-data", 'cannot use it: it has no "oci-layout"');
  parseDocument(layout, LayoutSchema, '"oci-layout"', 4096);
  const index = parseDocument(
    documents.get("index.json")!,
    IndexSchema,
    '"index.json"',
    MAX_MANIFEST_BYTES,
  );
  const images: Omit<NamedImage, "createdMs">[] = [];
  for (const entry of index.manifests) {
    const { mediaType, digest, size, platform } = entry;
    const descriptor: Descriptor = { mediaType, digest, size, ...(platform && { platform }) };
    await lease.add(digest);
    await checkComplete(store, descriptor);
    images.push({ reference: nameOf(entry), descriptor });
  }
  return images;
}

/** An index may lack platforms, but not all, and what is there must be whole. */
export async function checkComplete(store: Store, descriptor: Descriptor): Promise<void> {
  const present = await presentImages(store, descriptor);
  if (present.length === 0) {
    const { digest } = descriptor;
    throw new CtrError("bad-data", `cannot use it: the image ${digest.slice(0, 19)} is not in it`);
  }
  for (const { layers } of present) {
    for (const layer of layers) {
      if (await store.content.has(layer)) continue;
      throw new CtrError(
        "bad-data",
        `cannot use it: blob ${layer.digest.slice(0, 19)} is not in it`,
      );
    }
  }
}

/** Tools differ in where they put the name; without one the digest has to do. */
function nameOf({ annotations, digest }: Descriptor): string {
  const names = [
    annotations?.["io.containerd.image.name"],
    annotations?.["org.opencontainers.image.ref.name"],
  ];
  for (const name of names) {
    try {
      if (name !== undefined) return formatReference(parseReference(name));
    } catch {
      // Some tools put free text there.
    }
  }
  return untagged(digest);
}

/** The reference of an image that has no name. */
export function untagged(digest: Descriptor["digest"]): string {
  return formatReference(parseReference(`untagged@${digest}`));
}
