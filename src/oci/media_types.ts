import { CtrError } from "../core/mod.ts";

export const MEDIA_TYPE = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerLayerZstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
} as const;

/** What a registry is asked for, best first. */
export const MANIFEST_TYPES: readonly string[] = [
  MEDIA_TYPE.index,
  MEDIA_TYPE.dockerIndex,
  MEDIA_TYPE.manifest,
  MEDIA_TYPE.dockerManifest,
];

export type Compression = "none" | "gzip" | "zstd";

export function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPE.index || mediaType === MEDIA_TYPE.dockerIndex;
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPE.manifest || mediaType === MEDIA_TYPE.dockerManifest;
}

const LAYERS: Readonly<Record<string, Compression>> = {
  [MEDIA_TYPE.layer]: "none",
  [MEDIA_TYPE.layerGzip]: "gzip",
  [MEDIA_TYPE.layerZstd]: "zstd",
  [MEDIA_TYPE.dockerLayer]: "none",
  [MEDIA_TYPE.dockerLayerGzip]: "gzip",
  [MEDIA_TYPE.dockerLayerZstd]: "zstd",
};

/**
 * How a layer of `mediaType` is compressed.
 *
 * @throws {CtrError} `unsupported` for foreign and encrypted layers, whose bytes a registry does not
 * hand out, and for anything that is not a layer.
 */
export function layerCompression(mediaType: string): Compression {
  const known = LAYERS[mediaType];
  if (known !== undefined && Object.hasOwn(LAYERS, mediaType)) return known;
  const shown = mediaType.slice(0, 120);
  if (/nondistributable|foreign/.test(mediaType)) {
    throw new CtrError(
      "unsupported",
      `cannot use the layer type "${shown}": it is a foreign layer`,
    );
  }
  if (mediaType.endsWith("+encrypted")) {
    throw new CtrError("unsupported", `cannot use the layer type "${shown}": it is encrypted`);
  }
  throw new CtrError("unsupported", `cannot use the layer type "${shown}": it is not a tar layer`);
}
