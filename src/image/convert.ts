import { z } from "zod";
import { CtrError } from "../core/mod.ts";
import {
  type Compression,
  type Descriptor,
  formatReference,
  layerCompression,
  MAX_MANIFEST_BYTES,
  MEDIA_TYPE,
  type Platform,
} from "../oci/mod.ts";
import { withAction } from "./disk_errors.ts";
import type { ImageManifest } from "./graph.ts";
import type { ImageLease } from "./images.ts";
import { takeLease } from "./lease.ts";
import { missingBlob } from "./layer_disks.ts";
import { recompress } from "./recompress.ts";
import { findImage, imageFor, presentImages } from "./resolve.ts";
import { recordOf, type Store } from "./store.ts";
import type { ConvertOptions } from "./form_types.ts";
import type { ImageRecord, LayerBlob, LayerPhase } from "./types.ts";

type Format = "oci" | "docker";

interface Conversion {
  readonly store: Store;
  readonly options: ConvertOptions;
  readonly lease: ImageLease;
  readonly shown: string;
  /** Layers that several platforms share are compressed once. */
  readonly done: Map<string, Descriptor>;
}

/**
 * Makes another image with the same content: layers compressed otherwise, documents in the other
 * format. Attestations stay behind, because they speak of the manifests that were.
 */
export async function convertImage(
  store: Store,
  source: string,
  target: string,
  options: ConvertOptions,
): Promise<ImageRecord> {
  const shown = store.familiar(store.parse(source));
  const reference = formatReference(store.parse(target));
  return await withAction(`cannot convert "${shown}"`, store.paths.home, async () => {
    const image = findImage(store, source, "convert");
    await using lease = await takeLease(store.paths);
    const conversion: Conversion = { store, options, lease, shown, done: new Map() };
    const chosen = await chooseImages(store, image.descriptor, options.platform, shown);
    const made: Descriptor[] = [];
    for (const each of chosen) made.push(await convertManifest(conversion, each));
    const [only] = made;
    const isIndex = options.platform === undefined &&
      chosen[0]!.descriptor.digest !== image.descriptor.digest;
    const descriptor = isIndex
      ? await writeIndex(conversion, made, formatOf(chosen[0]!, options))
      : withoutPlatform(only!);
    return recordOf(store, await store.records.put(reference, descriptor));
  });
}

async function chooseImages(
  store: Store,
  descriptor: Descriptor,
  wanted: Platform | undefined,
  shown: string,
): Promise<ImageManifest[]> {
  if (wanted) return [await imageFor(store, descriptor, wanted, shown)];
  const present = await presentImages(store, descriptor);
  // Says what is missing if nothing is here.
  return present.length > 0
    ? present
    : [await imageFor(store, descriptor, store.hostPlatform, shown)];
}

const AnyManifest = z.looseObject({
  config: z.looseObject({}),
  layers: z.array(z.looseObject({ annotations: z.unknown().optional() })),
  annotations: z.unknown().optional(),
});

/** Fields that are not known here stay as they are. */
async function convertManifest(
  conversion: Conversion,
  image: ImageManifest,
): Promise<Descriptor> {
  const { store, options, lease, shown } = conversion;
  const { descriptor, layers, platform } = image;
  await lease.add(
    descriptor.digest,
    image.manifest.config.digest,
    ...layers.map(({ digest }) => digest),
  );
  const bytes = await store.content.read(descriptor.digest, MAX_MANIFEST_BYTES);
  const original = AnyManifest.parse(JSON.parse(new TextDecoder().decode(bytes)));
  const format = formatOf(image, options);
  const converted = [];
  for (const [at, layer] of layers.entries()) {
    if (!await store.content.has(layer)) throw missingBlob(shown, layer);
    const made = await convertLayer(conversion, layer, format);
    const kept = made.digest === layer.digest && format === "oci" ? original.layers[at] : {};
    converted.push({ ...kept, ...made });
  }
  const isSame = format === formatOf(image, {}) &&
    converted.every(({ digest, mediaType }, at) =>
      digest === layers[at]!.digest && mediaType === layers[at]!.mediaType
    );
  if (isSame) return { ...descriptor, platform };
  const { annotations, ...rest } = original;
  const document = {
    ...rest,
    schemaVersion: 2,
    mediaType: TYPES[format].manifest,
    config: { ...original.config, mediaType: TYPES[format].config },
    layers: converted,
    ...(format === "oci" && annotations !== undefined && { annotations }),
  };
  const written = await put(conversion, document);
  return { mediaType: TYPES[format].manifest, ...written, platform };
}

async function convertLayer(
  { store, options, lease, done, shown }: Conversion,
  layer: LayerBlob,
  format: Format,
): Promise<Pick<Descriptor, "mediaType" | "digest" | "size">> {
  const before = layerCompression(layer.mediaType);
  const compression = options.compression ?? before;
  const mediaType = TYPES[format].layers[compression];
  if (format === "docker" && compression === "zstd" && mediaType !== layer.mediaType) {
    throw new CtrError("unsupported", `cannot convert "${shown}": Docker's format has no zstd`, {
      hint: "use --compression gzip, or --format oci",
    });
  }
  const tell = (phase: LayerPhase, current: number) =>
    options.onProgress?.({
      kind: "layer",
      digest: layer.digest,
      phase,
      current,
      total: layer.size,
    });
  if (compression === before) {
    tell("exists", layer.size);
    return { mediaType, digest: layer.digest, size: layer.size };
  }
  const known = done.get(layer.digest);
  if (known) return { ...known, mediaType };
  const written = await recompress(store, layer, compression, lease, {
    signal: options.signal,
    onBytes: (bytes) => tell("converting", bytes),
  });
  tell("done", layer.size);
  const made = { mediaType, ...written };
  done.set(layer.digest, made);
  return made;
}

function formatOf({ descriptor, manifest }: ImageManifest, options: ConvertOptions): Format {
  if (options.format) return options.format;
  const type = manifest.mediaType ?? descriptor.mediaType;
  return type === MEDIA_TYPE.dockerManifest ? "docker" : "oci";
}

async function writeIndex(
  conversion: Conversion,
  manifests: readonly Descriptor[],
  format: Format,
): Promise<Descriptor> {
  const mediaType = TYPES[format].index;
  return { mediaType, ...await put(conversion, { schemaVersion: 2, mediaType, manifests }) };
}

async function put({ store, lease }: Conversion, document: unknown) {
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  return await store.content.write(bytes, undefined, (digest) => lease.add(digest));
}

function withoutPlatform({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

const TYPES: Readonly<
  Record<Format, {
    readonly index: string;
    readonly manifest: string;
    readonly config: string;
    readonly layers: Readonly<Record<Compression, string>>;
  }>
> = {
  oci: {
    index: MEDIA_TYPE.index,
    manifest: MEDIA_TYPE.manifest,
    config: MEDIA_TYPE.config,
    layers: { none: MEDIA_TYPE.layer, gzip: MEDIA_TYPE.layerGzip, zstd: MEDIA_TYPE.layerZstd },
  },
  docker: {
    index: MEDIA_TYPE.dockerIndex,
    manifest: MEDIA_TYPE.dockerManifest,
    config: MEDIA_TYPE.dockerConfig,
    layers: {
      none: MEDIA_TYPE.dockerLayer,
      gzip: MEDIA_TYPE.dockerLayerGzip,
      zstd: MEDIA_TYPE.dockerLayerZstd,
    },
  },
};
