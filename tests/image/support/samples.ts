import { gzipSync, zstdCompressSync } from "node:zlib";
import { type Descriptor, type Digest, digestOf, MEDIA_TYPE } from "../../../src/oci/mod.ts";
import { TAR_END, tarHeader, tarPadding } from "../../../src/tar/mod.ts";

/** A small image, whole: every blob by digest, and the document that a tag names. */
export interface SampleImage {
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  readonly target: Descriptor;
  readonly manifests: readonly Descriptor[];
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly Digest[];
}

export interface SampleOptions {
  readonly layers?: number;
  readonly bytesPerLayer?: number;
  readonly seed?: string;
  readonly compression?: "gzip" | "zstd" | "none";
  /** Without platforms the target is the manifest itself. */
  readonly platforms?: readonly string[];
  readonly docker?: boolean;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
}

export interface Entry {
  readonly path: string;
  readonly content?: Uint8Array;
  readonly type?: "file" | "symlink" | "hardlink" | "directory" | "char";
  readonly linkTarget?: string;
}

export function tarOf(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  for (const { path, content = new Uint8Array(0), type = "file", linkTarget = "" } of entries) {
    const size = content.length;
    parts.push(tarHeader({ path, type, linkTarget, size, mode: 0o755 }), content, tarPadding(size));
  }
  return concat(...parts, TAR_END);
}

/** Bytes that do not compress and depend on `seed` alone. */
export function noise(seed: string, length: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(length);
  let state = parseInt(digestOf(seed).slice(7, 15), 16) | 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = state;
  }
  return out;
}

export function sampleImage(options: SampleOptions = {}): SampleImage {
  const { layers = 2, bytesPerLayer = 4000, seed = "s", compression = "gzip" } = options;
  const blobs = new Map<Digest, Uint8Array>();
  const put = (bytes: Uint8Array, mediaType: string): Descriptor => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const type = options.docker ? DOCKER_LAYERS[compression] : OCI_LAYERS[compression];
  const manifests: Descriptor[] = [];
  const allLayers: Descriptor[] = [];
  const allDiffIds: Digest[] = [];
  for (const platform of options.platforms ?? ["linux/amd64"]) {
    const [os, architecture, variant] = platform.split("/");
    const tars = Array.from({ length: layers }, (_, i) =>
      tarOf([
        { path: "etc/", type: "directory" },
        { path: `etc/${seed}-${i}`, content: noise(`${seed}${platform}${i}`, bytesPerLayer) },
      ]));
    const descriptors = tars.map((tar) => put(compress(tar, compression), type));
    const diffIds = tars.map(digestOf);
    const config = put(
      encode({
        architecture,
        os,
        ...(variant && { variant }),
        created: "2024-01-01T00:00:00Z",
        config: { Env: ["PATH=/bin"], Cmd: ["/bin/sh"], Volumes: null },
        rootfs: { type: "layers", diff_ids: diffIds },
        history: diffIds.map((_, i) => ({ created_by: `step ${i}` })),
      }),
      options.docker ? MEDIA_TYPE.dockerConfig : MEDIA_TYPE.config,
    );
    const mediaType = options.docker ? MEDIA_TYPE.dockerManifest : MEDIA_TYPE.manifest;
    const manifest = put(
      encode({ schemaVersion: 2, mediaType, config, layers: descriptors }),
      mediaType,
    );
    manifests.push({ ...manifest, platform: { os: os!, architecture: architecture!, variant } });
    allLayers.push(...descriptors);
    allDiffIds.push(...diffIds);
  }
  const indexType = options.docker ? MEDIA_TYPE.dockerIndex : MEDIA_TYPE.index;
  const { platform: _, ...alone } = manifests[0]!;
  const target = options.platforms
    ? put(encode({ schemaVersion: 2, mediaType: indexType, manifests }), indexType)
    : alone;
  return { blobs, target, manifests, layers: allLayers, diffIds: allDiffIds };
}

function compress(tar: Uint8Array, how: "gzip" | "zstd" | "none"): Uint8Array {
  if (how === "none") return tar;
  return new Uint8Array(how === "gzip" ? gzipSync(tar) : zstdCompressSync(tar));
}

const OCI_LAYERS = {
  gzip: MEDIA_TYPE.layerGzip,
  zstd: MEDIA_TYPE.layerZstd,
  none: MEDIA_TYPE.layer,
};
const DOCKER_LAYERS = {
  gzip: MEDIA_TYPE.dockerLayerGzip,
  zstd: MEDIA_TYPE.dockerLayerZstd,
  none: MEDIA_TYPE.dockerLayer,
};

/** The members of an OCI layout that holds `image`. */
export function layoutEntries(image: SampleImage, name?: string): Entry[] {
  const annotations = name === undefined ? {} : { "org.opencontainers.image.ref.name": name };
  return [
    { path: "oci-layout", content: encode({ imageLayoutVersion: "1.0.0" }) },
    {
      path: "index.json",
      content: encode({ schemaVersion: 2, manifests: [{ ...image.target, annotations }] }),
    },
    ...[...image.blobs].map(([digest, content]) => ({
      path: `blobs/sha256/${digest.slice(7)}`,
      content,
    })),
  ];
}

/** Writes an OCI layout into a folder. */
export async function writeLayout(folder: string, image: SampleImage, name: string) {
  await Deno.mkdir(`${folder}/blobs/sha256`, { recursive: true });
  for (const { path, content } of layoutEntries(image, name)) {
    await Deno.writeFile(`${folder}/${path}`, content!);
  }
}
