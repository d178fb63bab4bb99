import type { CommitReply, CommitRequest } from "../../api/mod.ts";
import { CtrError } from "../../core/mod.ts";
import type { ImageLease, Images, ResolvedImage } from "../../image/mod.ts";
import {
  type Descriptor,
  type Digest,
  layerCompression,
  MAX_CONFIG_BYTES,
  MAX_LAYERS,
  MEDIA_TYPE,
  parseReference,
} from "../../oci/mod.ts";
import type { Packed } from "../../unpack/mod.ts";
import type { ContainerConfig } from "../types.ts";
import { type ConfigDocument, newConfig } from "./commit_config.ts";
import type { ContainerFiles } from "./container_files.ts";

export type CommitImages = Pick<
  Images,
  "resolveManifest" | "writeBlob" | "layerDisk" | "register" | "lease" | "blobPath"
>;

interface Committed {
  readonly record: { readonly config: ContainerConfig };
  readonly files: Pick<ContainerFiles, "withLayer">;
}

/** A layer that was made, or nothing where nothing was changed. */
interface NewLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

const LAYER_TYPES = {
  none: MEDIA_TYPE.layer,
  gzip: MEDIA_TYPE.layerGzip,
  zstd: MEDIA_TYPE.layerZstd,
} as const;

/**
 * Makes an image of a container: its image's layers, what it has changed as one more, and how it was to
 * be run. The layer's disk is made too, so that the image can be run at once.
 *
 * @throws {CtrError} `usage` for a reference or a change that cannot be used, before anything is done.
 */
export async function commitContainer(
  container: Committed,
  images: CommitImages,
  request: CommitRequest,
): Promise<CommitReply> {
  const { config } = container.record;
  const reference = checkReference(request.reference);
  await using lease = await images.lease();
  const { manifest } = config.image;
  const base = await images.resolveManifest(manifest as Digest, config.image.reference, { lease });
  const baseConfig = await readConfig(images, base);
  newConfig(baseConfig, config, request, undefined); // what cannot be meant is refused now
  if (base.layers.length >= MAX_LAYERS) {
    throw new CtrError("too-large", `cannot commit: the image has ${MAX_LAYERS} layers already`);
  }
  const layer = await container.files.withLayer(
    request.pause,
    (packed) => keepLayer(images, lease, packed),
  );
  if (layer) await images.layerDisk(layer);
  const configBlob = await images.writeBlob(
    encode(newConfig(baseConfig, config, request, layer?.diffId)),
    MEDIA_TYPE.config,
    { lease },
  );
  const descriptor = await images.writeBlob(
    encode(manifestOf(base, configBlob, layer)),
    MEDIA_TYPE.manifest,
    { lease },
  );
  const record = await images.register(reference ?? `untagged@${descriptor.digest}`, descriptor);
  return { reference: record.reference, digest: descriptor.digest };
}

function checkReference(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (parseReference(text).digest === undefined) return text;
  throw new CtrError("usage", `cannot commit to "${text}": a digest cannot be chosen`);
}

async function readConfig(images: CommitImages, base: ResolvedImage): Promise<ConfigDocument> {
  const path = await images.blobPath(base.configDigest);
  const { size } = await Deno.stat(path);
  if (size > MAX_CONFIG_BYTES) {
    throw new CtrError("too-large", `cannot commit: the image's configuration has ${size} bytes`);
  }
  return JSON.parse(await Deno.readTextFile(path)); // it was checked when it came
}

async function keepLayer(
  images: CommitImages,
  lease: ImageLease,
  packed: Packed,
): Promise<NewLayer | undefined> {
  const descriptor = await images.writeBlob(packed.bytes, MEDIA_TYPE.layerGzip, { lease });
  const { diffId, entries } = await packed.result;
  if (entries === 0) return undefined;
  await lease.add(diffId as Digest);
  return { descriptor, diffId: diffId as Digest };
}

function manifestOf(base: ResolvedImage, config: Descriptor, layer: NewLayer | undefined) {
  const below = base.layers.map(({ mediaType, digest, size }) => (
    { mediaType: LAYER_TYPES[layerCompression(mediaType)], digest, size }
  ));
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config,
    layers: [...below, ...layer ? [layer.descriptor] : []],
  };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
