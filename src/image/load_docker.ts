import { z } from "zod";
import { CtrError } from "../core/mod.ts";
import {
  type Compression,
  type Descriptor,
  formatReference,
  MAX_CONFIG_BYTES,
  MEDIA_TYPE,
  parseDocument,
  parseImageConfig,
  parseReference,
} from "../oci/mod.ts";
import { startsWith } from "./archive_bytes.ts";
import type { BlobSize } from "./content.ts";
import type { ImageLease } from "./images.ts";
import type { NamedImage } from "./index_file.ts";
import type { ReadArchive } from "./load.ts";
import { untagged } from "./load_layout.ts";
import type { Store } from "./store.ts";

const MAX_LINKS = 40;
const DockerManifest = z.array(z.object({
  Config: z.string().max(4096),
  RepoTags: z.array(z.string().max(512)).nullish(),
  Layers: z.array(z.string().max(4096)).max(512),
})).max(1024);

/** The images of `docker save`: an OCI manifest is written for each, the config stays as it is. */
export async function imagesOfDocker(
  store: Store,
  archive: ReadArchive,
  lease: ImageLease,
): Promise<Omit<NamedImage, "createdMs">[]> {
  const bytes = archive.documents.get("manifest.json")!;
  const entries = parseDocument(bytes, DockerManifest, '"manifest.json"', 16 * 1024 * 1024);
  const images: Omit<NamedImage, "createdMs">[] = [];
  for (const { Config, RepoTags, Layers } of entries) {
    const configBlob = fileOf(archive, Config);
    const configBytes = await store.content.read(configBlob.digest, MAX_CONFIG_BYTES);
    const config = parseImageConfig(configBytes!, `"${Config.slice(0, 100)}"`);
    if (config.rootfs.diff_ids.length !== Layers.length) {
      throw new CtrError(
        "bad-data",
        "cannot use it: an image has other layers than its configuration",
      );
    }
    const layers: Descriptor[] = [];
    for (const [at, path] of Layers.entries()) {
      const blob = fileOf(archive, path);
      const compression = await compressionOf(store, blob);
      // An uncompressed layer's digest is its diff ID. Others are checked when they are unpacked.
      if (compression === "none" && blob.digest !== config.rootfs.diff_ids[at]) {
        throw new CtrError(
          "bad-data",
          `cannot use "${path.slice(0, 100)}": it has another diff ID`,
        );
      }
      layers.push({ mediaType: LAYER_TYPES[compression], ...blob });
    }
    const descriptor = await writeManifest(store, configBlob, layers, lease);
    const names = (RepoTags ?? []).map((tag) => formatReference(parseReference(tag)));
    const references = names.length > 0 ? names : [untagged(descriptor.digest)];
    for (const reference of references) images.push({ reference, descriptor });
  }
  return images;
}

const LAYER_TYPES: Readonly<Record<Compression, string>> = {
  none: MEDIA_TYPE.layer,
  gzip: MEDIA_TYPE.layerGzip,
  zstd: MEDIA_TYPE.layerZstd,
};

/** Follows links, with which `docker save` folds equal layers. */
function fileOf(archive: ReadArchive, path: string): BlobSize {
  let at = path.replace(/^(\.\/)+/, "");
  for (let hops = 0; hops < MAX_LINKS; hops++) {
    const file = archive.files.get(at);
    if (file) return file;
    const next = archive.links.get(at);
    if (next === undefined) break;
    at = next;
  }
  throw new CtrError("bad-data", `cannot use it: "${path.slice(0, 100)}" is not in it`);
}

async function compressionOf(store: Store, { digest }: BlobSize): Promise<Compression> {
  using file = await Deno.open(store.paths.blob(digest), { read: true });
  const head = new Uint8Array(4);
  await file.read(head);
  if (startsWith(head, [0x1f, 0x8b])) return "gzip";
  return startsWith(head, [0x28, 0xb5, 0x2f, 0xfd]) ? "zstd" : "none";
}

async function writeManifest(
  store: Store,
  config: BlobSize,
  layers: readonly Descriptor[],
  lease: ImageLease,
): Promise<Descriptor> {
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: { mediaType: MEDIA_TYPE.config, ...config },
    layers,
  };
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  const written = await store.content.write(bytes, undefined, (digest) => lease.add(digest));
  return { mediaType: MEDIA_TYPE.manifest, ...written };
}
