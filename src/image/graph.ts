import { CtrError } from "../core/mod.ts";
import {
  type Descriptor,
  formatPlatform,
  type ImageConfig,
  type Index,
  layerCompression,
  type Manifest,
  MAX_CONFIG_BYTES,
  MAX_MANIFEST_BYTES,
  normalizePlatform,
  parseImageConfig,
  parseTarget,
  type Platform,
  type Target,
} from "../oci/mod.ts";
import type { ContentStore } from "./content.ts";
import type { LayerBlob } from "./types.ts";

/** Indexes in indexes occur, cycles cannot; this bounds what a hostile one costs. */
const MAX_DEPTH = 3;
const MAX_MANIFESTS = 256;

/** One platform of an image, all its documents read. */
export interface ImageManifest {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly configBytes: Uint8Array;
  readonly platform: Platform;
  readonly layers: readonly LayerBlob[];
}

/** Reads an index or manifest from somewhere. Undefined if it is not there. */
export type ReadTarget = (descriptor: Descriptor) => Promise<Target | undefined>;

export function storedTarget(content: ContentStore): ReadTarget {
  return async (descriptor) => {
    const bytes = await content.read(descriptor.digest, MAX_MANIFEST_BYTES);
    return bytes && parseTarget(bytes, descriptor.mediaType, nameOf(descriptor));
  };
}

/**
 * The manifests that `descriptor` leads to, platforms as the index names them.
 *
 * Attestations and other artifacts that indexes carry beside images are left out.
 */
export async function manifestsOf(descriptor: Descriptor, read: ReadTarget): Promise<Descriptor[]> {
  const found: Descriptor[] = [];
  await walk(descriptor, read, 0, (entry, target) => {
    if (target === undefined || target.kind === "manifest") found.push(entry);
  });
  return found;
}

/** What an index names beside images: attestations, signatures and whatever else. */
export async function artifactsOf(
  descriptor: Descriptor,
  read: ReadTarget,
): Promise<Descriptor[]> {
  const images = new Set((await manifestsOf(descriptor, read)).map(({ digest }) => digest));
  const found: Descriptor[] = [];
  await walk(descriptor, read, 0, (entry, target) => {
    if (target === undefined && !images.has(entry.digest)) found.push(entry);
  }, "everything");
  return found;
}

/**
 * Visits `descriptor` and, through indexes, every manifest below it. Only indexes are read on the
 * way down, plus the start itself; a manifest's target is undefined.
 */
export async function walk(
  descriptor: Descriptor,
  read: ReadTarget,
  depth: number,
  visit: (descriptor: Descriptor, target: Target | undefined) => void,
  which: "images" | "everything" = "images",
): Promise<void> {
  const isLeaf = depth > 0 && !mayBeIndex(descriptor);
  const target = isLeaf ? undefined : await read(descriptor);
  visit(descriptor, target);
  if (target?.kind !== "index") return;
  if (depth >= MAX_DEPTH) {
    throw new CtrError(
      "bad-data",
      `cannot read ${nameOf(descriptor)}: indexes are nested too deep`,
    );
  }
  const images = which === "images" ? imagesOf(target.index) : target.index.manifests;
  if (images.length > MAX_MANIFESTS) {
    throw new CtrError(
      "too-large",
      `cannot read ${nameOf(descriptor)}: ${images.length} platforms, more than ${MAX_MANIFESTS}`,
    );
  }
  for (const entry of images) await walk(entry, read, depth + 1, visit, which);
}

function mayBeIndex({ mediaType }: Descriptor): boolean {
  return mediaType.includes("index") || mediaType.includes("manifest.list");
}

function imagesOf(index: Index): Descriptor[] {
  return index.manifests.filter(({ platform, annotations, artifactType }) =>
    platform?.os !== "unknown" && artifactType === undefined &&
    annotations?.["vnd.docker.reference.type"] === undefined
  );
}

/** Pairs a manifest's layers with the diff IDs of its config, and checks that they are usable. */
export function layersOf(
  manifest: Manifest,
  config: ImageConfig,
  content: Pick<ContentStore, "paths">,
): LayerBlob[] {
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) {
    throw new CtrError(
      "bad-data",
      `cannot use the image: its manifest has ${manifest.layers.length} layers, ` +
        `its configuration ${diffIds.length}`,
    );
  }
  return manifest.layers.map(({ digest, mediaType, size }, at) => {
    layerCompression(mediaType);
    return { digest, diffId: diffIds[at]!, mediaType, size, path: content.paths.blob(digest) };
  });
}

/**
 * @param known What the descriptor leads to, where it was read already.
 * @returns Undefined if the manifest or its config is not in the store. Layers may be missing.
 */
export async function readImage(
  content: ContentStore,
  descriptor: Descriptor,
  known?: Target,
): Promise<ImageManifest | undefined> {
  const target = known ?? await storedTarget(content)(descriptor);
  if (target?.kind !== "manifest") return undefined;
  const { manifest } = target;
  checkIsImage(manifest);
  const configBytes = await content.read(manifest.config.digest, MAX_CONFIG_BYTES);
  if (!configBytes) return undefined;
  const config = parseImageConfig(configBytes, `the configuration of ${nameOf(descriptor)}`);
  return {
    descriptor,
    manifest,
    config,
    configBytes,
    platform: descriptor.platform ? pick(descriptor.platform) : platformOf(config),
    layers: layersOf(manifest, config, content),
  };
}

/** @throws {CtrError} `unsupported` for charts, signatures and whatever else registries hold. */
export function checkIsImage({ config }: Manifest): void {
  if (
    /^application\/vnd\.(oci\.image\.config|docker\.container\.image)\.v1\+json$/.test(
      config.mediaType,
    )
  ) {
    return;
  }
  const shown = config.mediaType.slice(0, 100);
  throw new CtrError("unsupported", `cannot use the manifest: "${shown}" is not an image`);
}

export function platformOf(config: ImageConfig): Platform {
  return pick(config);
}

function pick({ os, architecture, variant }: Platform): Platform {
  return normalizePlatform({ os, architecture, variant });
}

export function nameOf({ digest }: Pick<Descriptor, "digest">): string {
  return `manifest ${digest.slice(0, 19)}`;
}

/** `linux/amd64, linux/arm64`: for errors. */
export function platformList(
  entries: readonly { readonly platform?: Platform | undefined }[],
): string {
  const names = entries.flatMap(({ platform }) => platform ? [formatPlatform(platform)] : []);
  return [...new Set(names)].slice(0, 12).join(", ") || "nothing";
}
