import { CtrError } from "../core/mod.ts";
import {
  type Descriptor,
  type Digest,
  formatPlatform,
  MAX_MANIFEST_BYTES,
  parseTarget,
  type Platform,
} from "../oci/mod.ts";
import { nameOf } from "./graph.ts";
import type { ImageLease } from "./images.ts";
import type { NamedImage } from "./index_file.ts";
import { imageFor } from "./resolve.ts";
import type { Store } from "./store.ts";

/** A manifest or an index, its bytes as they were pulled or built. */
export interface Document {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** All that a repository must have for an image, in the order in which it may be sent. */
export interface PushPlan {
  readonly blobs: readonly Descriptor[];
  /** What is named comes before what names it; the last one is the root. */
  readonly documents: readonly Document[];
}

/** Indexes in indexes occur; cycles cannot. */
const MAX_DEPTH = 3;

/** @throws {CtrError} `not-found` if a part of the image is not in the store. */
export async function planPush(
  store: Store,
  image: NamedImage,
  wanted: Platform | undefined,
  lease: ImageLease,
): Promise<PushPlan> {
  const shown = store.familiar(store.parse(image.reference));
  const root = wanted === undefined
    ? image.descriptor
    : (await imageFor(store, image.descriptor, wanted, shown)).descriptor;
  return await planDocument(store, root, lease, shown);
}

/** As `planPush`, from a descriptor. */
export async function planDocument(
  store: Store,
  root: Descriptor,
  lease: ImageLease,
  shown: string,
): Promise<PushPlan> {
  const blobs = new Map<Digest, Descriptor>();
  const documents = new Map<Digest, Document>();
  await gather(root, 0);
  return { blobs: [...blobs.values()], documents: [...documents.values()] };

  async function gather(descriptor: Descriptor, depth: number): Promise<void> {
    const { digest } = descriptor;
    if (documents.has(digest)) return;
    await lease.add(digest);
    const bytes = await store.content.read(digest, MAX_MANIFEST_BYTES);
    if (!bytes) throw missing(shown, descriptor);
    const target = parseTarget(bytes, descriptor.mediaType, nameOf(descriptor));
    if (target.kind === "index") {
      if (depth > MAX_DEPTH) {
        throw new CtrError("bad-data", `cannot push "${shown}": its indexes are nested too deep`);
      }
      for (const entry of target.index.manifests) await gather(entry, depth + 1);
    } else {
      const { config, layers } = target.manifest;
      await lease.add(config.digest, ...layers.map((layer) => layer.digest));
      for (const blob of [config, ...layers]) {
        if (isForeign(blob)) continue;
        if (!await store.content.has(blob)) throw missing(shown, descriptor);
        blobs.set(blob.digest, blob);
      }
    }
    documents.set(digest, {
      descriptor: { ...descriptor, mediaType: target.mediaType, size: bytes.length },
      bytes: bytes as Uint8Array<ArrayBuffer>,
    });
  }
}

/** Layers that may not be handed on; registries take manifests without them. */
function isForeign({ mediaType }: Descriptor): boolean {
  return /nondistributable|\.foreign\./.test(mediaType);
}

function missing(shown: string, { platform, annotations }: Descriptor): CtrError {
  const isImage = platform && platform.os !== "unknown" &&
    annotations?.["vnd.docker.reference.type"] === undefined;
  const part = isImage
    ? `its ${formatPlatform(platform)} part`
    : platform
    ? "an attestation of it"
    : "a part of it";
  return new CtrError("not-found", `cannot push "${shown}": ${part} is not here`, {
    hint: "pull it with --all-platforms where it came from, or push one with --platform",
  });
}
