/** What is made of a build: an image in the store and its names. */
import type { BuildOutput, BuildResult } from "../../api/mod.ts";
import { registryEnvironment } from "../../api/mod.ts";
import { CtrError } from "../../core/mod.ts";
import { type Descriptor, formatPlatform, parseReference } from "../../oci/mod.ts";
import type { Job } from "../job.ts";
import type { StageEnd } from "../stage/stage_run.ts";
import { type BuiltImage, type ImageExtras, NO_EXTRAS, writeImage, writeIndex } from "./image.ts";

type ImageOutput = Extract<BuildOutput, { type: "image" }>;

const STORE: ImageOutput = {
  type: "image",
  names: [],
  push: false,
  pushByDigest: false,
  store: true,
  forceCompression: false,
  rewriteTimestamp: false,
  annotations: {},
};

/** What outputs have found out, for the answer. */
export interface OutputEnd {
  readonly digest?: string | undefined;
  readonly configDigest?: string | undefined;
  readonly images: BuildResult["images"];
  readonly platforms: BuildResult["platforms"];
  readonly written: BuildResult["written"];
  readonly metadata: Record<string, unknown>;
}

export async function makeOutputs(job: Job, ends: readonly StageEnd[]): Promise<OutputEnd> {
  const { outputs } = job.request;
  const wanted = outputs.length === 0 ? [STORE] : outputs;
  let result: OutputEnd = { images: [], platforms: [], written: [], metadata: {} };
  for (const output of wanted) {
    if (output.type !== "image") {
      throw new CtrError("unsupported", `cannot make the output "${output.type}"`);
    }
    result = merged(result, await imageOutput(job, ends, output));
  }
  return result;
}

function merged(a: OutputEnd, b: OutputEnd): OutputEnd {
  return {
    digest: b.digest ?? a.digest,
    configDigest: b.configDigest ?? a.configDigest,
    images: [...a.images, ...b.images],
    platforms: b.platforms.length > 0 ? b.platforms : a.platforms,
    written: [...a.written, ...b.written],
    metadata: { ...a.metadata, ...b.metadata },
  };
}

async function imageOutput(
  job: Job,
  ends: readonly StageEnd[],
  output: ImageOutput,
): Promise<OutputEnd> {
  const step = job.reporter.step({ id: "export image", title: "export image" }, false);
  try {
    const { images, root } = await writeAll(job, ends, NO_EXTRAS);
    const names = [...job.request.tags, ...output.names];
    const named = [];
    for (const name of names.length > 0 ? names : [`untagged@${root.digest}`]) {
      const record = await job.images.register(name, root);
      named.push({
        reference: record.reference,
        familiar: record.familiar,
        digest: root.digest as string,
      });
    }
    const first = named[0]!;
    await makeRunnable(job, images, first.reference);
    if (output.push) await push(job, names);
    step.end();
    return {
      digest: root.digest,
      configDigest: images.length === 1 ? images[0]!.config.digest : undefined,
      images: names.length > 0 ? named : [],
      platforms: images.map(({ platform, manifest }) => ({
        platform: formatPlatform(platform),
        digest: manifest.digest,
      })),
      written: output.push ? names.map((dest) => ({ type: "registry", dest })) : [],
      metadata: metadataOf(images, root, named),
    };
  } catch (error) {
    step.end(error);
    throw error;
  }
}

/** The images of all platforms, and what names them together. */
export async function writeAll(
  job: Job,
  ends: readonly StageEnd[],
  extras: ImageExtras,
): Promise<{ images: BuiltImage[]; root: Descriptor }> {
  const images = await Promise.all(ends.map(async (end) => {
    const { layers } = await end.root.settled();
    return await writeImage(job, end, layers, extras);
  }));
  if (images.length === 1) return { images, root: images[0]!.manifest };
  const root = await writeIndex(job, images, { ...extras, indexAnnotations: {} });
  return { images, root };
}

/** A container starts at once: what is missing of disks is made now, while the build is waited for anyway. */
async function makeRunnable(
  job: Job,
  images: readonly BuiltImage[],
  reference: string,
): Promise<void> {
  const { lease, signal, hostPlatform } = job;
  for (const { platform, manifest } of images) {
    if (platform.architecture !== hostPlatform.architecture) continue;
    await job.images.resolveManifest(manifest.digest, reference, { lease, signal });
  }
}

async function push(job: Job, names: readonly string[]): Promise<void> {
  const { request, signal, reporter } = job;
  if (names.length === 0) {
    throw new CtrError("usage", "cannot push: the image has no name", {
      hint: "give one with --tag",
    });
  }
  for (const name of names) {
    const step = reporter.step({ id: `push ${name}`.slice(0, 256), title: `push ${name}` }, false);
    try {
      await job.images.push(name, {
        scheme: request.scheme,
        environment: request.environment && registryEnvironment(request.environment),
        signal,
        onProgress: (progress) => {
          if (progress.kind === "warning") reporter.warn(progress.text);
          if (progress.kind !== "layer") return;
          step.progress(progress.digest, progress.phase, progress.current, progress.total);
        },
      });
      step.end();
    } catch (error) {
      step.end(error);
      throw error;
    }
  }
}

function metadataOf(
  images: readonly BuiltImage[],
  root: Descriptor,
  named: readonly { readonly reference: string }[],
): Record<string, unknown> {
  const [only] = images;
  return {
    "containerimage.digest": root.digest,
    "containerimage.descriptor": root,
    ...(images.length === 1 && only && { "containerimage.config.digest": only.config.digest }),
    ...(named.length > 0 && { "image.name": named.map(({ reference }) => reference).join(",") }),
  };
}

/** @throws {CtrError} `usage` for what cannot be a name, before anything is built. */
export function checkNames(names: readonly string[]): void {
  for (const name of names) {
    if (parseReference(name).digest === undefined) continue;
    throw new CtrError("usage", `cannot build "${name}": a digest cannot be chosen`);
  }
}
