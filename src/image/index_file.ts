import { z } from "zod";
import { writeFileAtomic } from "../core/mod.ts";
import {
  type Descriptor,
  DescriptorSchema,
  type Digest,
  formatReference,
  IndexSchema,
  isDigest,
  MEDIA_TYPE,
  parseDocument,
  parseReference,
} from "../oci/mod.ts";
import { fileSize, type StorePaths } from "./paths.ts";

const REF_NAME = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME = "io.containerd.image.name";
const CREATED = "io.ctr.image.created";
const SUBJECT = "io.ctr.image.subject";
/** Names of some ten thousand images. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;

/** This index alone may be long: it names every image that there is. */
const OwnIndex = IndexSchema.extend({ manifests: z.array(DescriptorSchema).max(100_000) });

export interface NamedImage {
  readonly reference: string;
  readonly descriptor: Descriptor;
  readonly createdMs: number;
}

/** A manifest that is kept as long as the one that it is attached to. */
export interface Attached {
  readonly subject: Digest;
  readonly descriptor: Descriptor;
}

/** `content/index.json`, in which `foreign` is what other tools put there without a name. */
export interface IndexFile {
  readonly images: readonly NamedImage[];
  readonly foreign: readonly Descriptor[];
  readonly attached: readonly Attached[];
}

export async function readIndexFile(paths: StorePaths): Promise<IndexFile> {
  if (await fileSize(paths.index) === undefined) return { images: [], foreign: [], attached: [] };
  const bytes = await Deno.readFile(paths.index);
  const index = parseDocument(bytes, OwnIndex, `"${paths.index}"`, MAX_INDEX_BYTES);
  const images = new Map<string, NamedImage>();
  const foreign: Descriptor[] = [];
  const attached: Attached[] = [];
  for (const entry of index.manifests) {
    const { [SUBJECT]: subject, ...annotations } = entry.annotations ?? {};
    if (subject !== undefined && isDigest(subject)) {
      attached.push({ subject, descriptor: { ...entry, annotations } });
      continue;
    }
    const reference = referenceOf(entry.annotations?.[CONTAINERD_NAME]) ??
      referenceOf(entry.annotations?.[REF_NAME]);
    if (reference === undefined || images.has(reference)) foreign.push(entry);
    else images.set(reference, named(reference, entry));
  }
  return { images: [...images.values()], foreign, attached };
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
  const attached = file.attached.map(({ subject, descriptor }) => ({
    ...descriptor,
    annotations: { ...descriptor.annotations, [SUBJECT]: subject },
  }));
  const index = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.index,
    manifests: [...manifests, ...file.foreign, ...attached],
  };
  await writeFileAtomic(paths.index, `${JSON.stringify(index, null, 2)}\n`);
}

/** The file that makes a folder an OCI layout. */
export async function writeLayoutFile(paths: StorePaths): Promise<void> {
  if (await fileSize(paths.layout) !== undefined) return;
  await writeFileAtomic(paths.layout, `${JSON.stringify({ imageLayoutVersion: "1.0.0" })}\n`);
}
