/** `type=oci` and `type=docker`: the image as a layout, in an archive or a folder. */
import { join } from "node:path";
import type { BuildOutput } from "../../api/mod.ts";
import { CtrError, writeFileAtomic } from "../../core/mod.ts";
import {
  type Descriptor,
  familiarReference,
  formatReference,
  hexOf,
  IndexSchema,
  MAX_MANIFEST_BYTES,
  MEDIA_TYPE,
  parseDocument,
  parseReference,
} from "../../oci/mod.ts";
import { TAR_END, tarHeader, tarPadding } from "../../tar/mod.ts";
import type { Job } from "../job.ts";
import type { StageEnd } from "../stage/stage_run.ts";
import { extrasOf } from "./annotations.ts";
import { sendTo, unwritable } from "./destination.ts";
import type { BuiltImage } from "./image.ts";
import { type ConfigFields, writeAll } from "./write_all.ts";

type ArchiveOutput = Extract<BuildOutput, { type: "oci" | "docker" }>;

interface Document {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export async function archiveOutput(
  job: Job,
  ends: readonly StageEnd[],
  output: ArchiveOutput,
  config: ConfigFields,
) {
  const docker = output.type === "docker";
  if (docker && ends.length > 1) {
    throw new CtrError("usage", "cannot make a docker archive of several platforms", {
      hint: "choose type=oci, or one platform",
    });
  }
  const extras = extrasOf(job.request, output.annotations, docker);
  const made = await writeAll(job, ends, output, extras, config);
  const names = [...job.request.tags, ...output.names];
  const documents = layoutOf(made.root, made.images, names, docker);
  const blobs = blobsOf(made.root, made.images);
  if (output.tar) {
    const bytes = archiveOf(job, documents, blobs);
    await sendTo(output.dest, bytes, (event) => job.reporter.tell(event));
  } else {
    await writeFolder(job, output.dest, documents, blobs);
  }
  return made;
}

function layoutOf(
  root: Descriptor,
  images: readonly BuiltImage[],
  names: readonly string[],
  docker: boolean,
): Document[] {
  const references = names.map((name) => parseReference(name));
  const platform = images.length === 1 ? { platform: images[0]!.platform } : {};
  const named = references.map((reference) => ({
    ...root,
    ...platform,
    annotations: {
      "io.containerd.image.name": formatReference(reference),
      "org.opencontainers.image.ref.name": reference.tag ?? "latest",
    },
  }));
  const manifests = named.length > 0 ? named : [{ ...root, ...platform }];
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests };
  const documents = [
    json("oci-layout", { imageLayoutVersion: "1.0.0" }),
    json("index.json", index),
  ];
  if (!docker) return documents;
  const [image] = images;
  return [
    ...documents,
    json("manifest.json", [{
      Config: blobPath(image!.config),
      RepoTags: references.map((reference) => familiarReference(reference)),
      Layers: image!.layers.map(blobPath),
    }]),
  ];
}

function blobsOf(root: Descriptor, images: readonly BuiltImage[]): Pick<Descriptor, "digest">[] {
  const all = [
    root,
    ...images.flatMap(({ manifest, config, layers }) => [manifest, config, ...layers]),
  ];
  return [...new Map(all.map((each) => [each.digest, each])).values()]
    .sort((a, b) => a.digest < b.digest ? -1 : 1);
}

async function* archiveOf(
  job: Job,
  documents: readonly Document[],
  blobs: readonly Pick<Descriptor, "digest">[],
): AsyncGenerator<Uint8Array> {
  for (const { path, bytes } of documents) yield* member(path, bytes.length, [bytes]);
  for (const path of ["blobs", "blobs/sha256"]) {
    yield tarHeader({ path, type: "directory", mode: 0o755 });
  }
  for (const blob of blobs) {
    job.signal.throwIfAborted();
    using file = await Deno.open(await job.images.blobPath(blob.digest));
    const { size } = await file.stat();
    yield* member(blobPath(blob), size, pieces(file));
  }
  yield TAR_END;
}

async function* member(
  path: string,
  size: number,
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield tarHeader({ path, type: "file", mode: 0o444, size });
  yield* content;
  const padding = tarPadding(size);
  if (padding.length > 0) yield padding;
}

async function* pieces(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(1 << 18);
  for (let got; (got = await file.read(buffer)) !== null;) yield buffer.subarray(0, got);
}

/** Puts an image into a folder that is a layout, where other tags stay. */
export async function writeLayout(
  job: Job,
  folder: string,
  root: Descriptor,
  blobs: readonly Pick<Descriptor, "digest">[],
  tag: string,
): Promise<void> {
  const named = { ...root, annotations: { "org.opencontainers.image.ref.name": tag } };
  const others = (await indexOf(folder)).filter(({ annotations }) =>
    annotations?.["org.opencontainers.image.ref.name"] !== tag
  );
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests: [...others, named] };
  const documents = [
    json("oci-layout", { imageLayoutVersion: "1.0.0" }),
    json("index.json", index),
  ];
  await writeFolder(job, folder, documents, blobs);
}

/** What a layout has; nothing if it is none. */
async function indexOf(folder: string): Promise<readonly Descriptor[]> {
  try {
    const bytes = await Deno.readFile(join(folder, "index.json"));
    return parseDocument(bytes, IndexSchema, "the layout's index", MAX_MANIFEST_BYTES).manifests;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw unwritable(folder, error);
  }
}

/** Blobs first: who finds the index finds what it names. */
async function writeFolder(
  job: Job,
  folder: string,
  documents: readonly Document[],
  blobs: readonly Pick<Descriptor, "digest">[],
): Promise<void> {
  try {
    await Deno.mkdir(join(folder, "blobs/sha256"), { recursive: true });
    for (const blob of blobs) {
      job.signal.throwIfAborted();
      const target = join(folder, blobPath(blob));
      if (await Deno.stat(target).then(() => true, () => false)) continue;
      const temporary = `${target}.${crypto.randomUUID().slice(0, 8)}`;
      await Deno.copyFile(await job.images.blobPath(blob.digest), temporary);
      await Deno.chmod(temporary, 0o644);
      await Deno.rename(temporary, target);
    }
    for (const { path, bytes } of documents) {
      await writeFileAtomic(join(folder, path), bytes, { mode: 0o644 });
    }
  } catch (error) {
    throw unwritable(folder, error);
  }
}

function blobPath({ digest }: Pick<Descriptor, "digest">): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

function json(path: string, value: unknown): Document {
  return { path, bytes: new TextEncoder().encode(JSON.stringify(value)) };
}
