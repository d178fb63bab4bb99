import { writeFileAtomic } from "../core/mod.ts";
import {
  type Descriptor,
  formatReference,
  IndexSchema,
  MEDIA_TYPE,
  parseDocument,
  parseReference,
} from "../oci/mod.ts";
import { fileSize, type StorePaths } from "./paths.ts";

const REF_NAME = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME = "io.containerd.image.name";
const CREATED = "io.ctr.image.created";
/** Names of some ten thousand images. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;

export interface NamedImage {
  readonly reference: string;
  readonly descriptor: Descriptor;
  readonly createdMs: number;
}

/** `content/index.json`, in which `foreign` is what other tools put there without a name. */
export interface IndexFile {
  readonly images: readonly NamedImage[];
  readonly foreign: readonly Descriptor[];
}

export async function readIndexFile(paths: StorePaths): Promise<IndexFile> {
  if (await fileSize(paths.index) === undefined) return { images: [], foreign: [] };
  const bytes = await Deno.readFile(paths.index);
  const index = parseDocument(bytes, IndexSchema, `"${paths.index}"`, MAX_INDEX_BYTES);
  const images = new Map<string, NamedImage>();
  const foreign: Descriptor[] = [];
  for (const entry of index.manifests) {
    const reference = referenceOf(entry.annotations?.[CONTAINERD_NAME]) ??
      referenceOf(entry.annotations?.[REF_NAME]);
    if (reference === undefined || images.has(reference)) foreign.push(entry);
    else images.set(reference, named(reference, entry));
  }
  return { images: [...images.values()], foreign };
}

function referenceOf(name: string | undefined): string | undefined {
  try {
    return name === undefined ? undefined : formatReference(parseReference(name));
  } catch {
    return undefined;
  }
}

function named(reference: string, entry: Descriptor): NamedImage {
  const createdMs = Date.parse(entry.annotations?.[CREATED] ?? "");
  const { mediaType, digest, size, platform } = entry;
  const { [REF_NAME]: _r, [CONTAINERD_NAME]: _c, [CREATED]: _d, ...rest } = entry.annotations ?? {};
  const annotations = Object.keys(rest).length > 0 ? { annotations: rest } : {};
  const descriptor = { mediaType, digest, size, ...(platform && { platform }), ...annotations };
  return {
    reference,
    descriptor,
    createdMs: Number.isNaN(createdMs) ? 0 : createdMs,
  };
}

/** Replaces the file. The caller holds the lock `index`. */
export async function writeIndexFile(paths: StorePaths, file: IndexFile): Promise<void> {
  const manifests = file.images.map(({ reference, descriptor, createdMs }) => ({
    ...descriptor,
    annotations: {
      ...descriptor.annotations,
      // containerd puts the tag alone into ref.name; several images of one layout need all of it.
      [REF_NAME]: reference,
      [CONTAINERD_NAME]: reference,
      [CREATED]: new Date(createdMs).toISOString(),
    },
  }));
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.index,
    manifests: [...manifests, ...file.foreign],
  };
  await writeFileAtomic(paths.index, `${JSON.stringify(index, null, 2)}\n`);
}

/** The file that makes a folder an OCI layout. */
export async function writeLayoutFile(paths: StorePaths): Promise<void> {
  if (await fileSize(paths.layout) !== undefined) return;
  await writeFileAtomic(paths.layout, `${JSON.stringify({ imageLayoutVersion: "1.0.0" })}\n`);
}
