/** `type=image` and `type=registry`: into the store, under names, and to registries. */
import { type BuildOutput, registryEnvironment } from "../../api/mod.ts";
import { CtrError } from "../../core/mod.ts";
import type { ImageRecord } from "../../image/mod.ts";
import {
  type Descriptor,
  familiarReference,
  formatReference,
  parseReference,
} from "../../oci/mod.ts";
import type { Job } from "../job.ts";
import type { StageEnd } from "../stage/stage_run.ts";
import { extrasOf } from "./annotations.ts";
import { type ConfigFields, writeAll, type Written } from "./write_all.ts";

export type ImageOutput = Extract<BuildOutput, { type: "image" }>;

export interface NamedImage {
  readonly reference: string;
  readonly familiar: string;
  readonly digest: string;
}

export async function imageOutput(
  job: Job,
  ends: readonly StageEnd[],
  output: ImageOutput,
  config: ConfigFields,
): Promise<Written & { named: readonly NamedImage[]; pushed: readonly string[] }> {
  const docker = output.format === "docker";
  const extras = extrasOf(job.request, output.annotations, docker);
  const made = await writeAll(job, ends, output, extras, config);
  const { root } = made;
  const names = [...job.request.tags, ...output.names];
  if (output.push && names.length === 0) {
    throw new CtrError("usage", "cannot push: the image has no name", {
      hint: "give one with --tag",
    });
  }
  if (!output.store) {
    return { ...made, named: [], pushed: await pushOnly(job, names, root, output) };
  }
  const named: ImageRecord[] = [];
  for (const name of names.length > 0 ? names : [`untagged@${root.digest}`]) {
    named.push(await job.images.register(name, root));
  }
  await makeRunnable(job, made, named[0]!.reference);
  const pushed = output.push ? await pushAll(job, names, root, output) : [];
  const told = names.length > 0 ? named : [];
  return {
    ...made,
    named: told.map(({ reference, familiar }) => ({ reference, familiar, digest: root.digest })),
    pushed,
  };
}

/** A container starts at once: what is missing of disks is made now, while the build is waited for anyway. */
async function makeRunnable(job: Job, { images }: Written, reference: string): Promise<void> {
  const { lease, signal, hostPlatform } = job;
  for (const { platform, manifest } of images) {
    if (platform.architecture !== hostPlatform.architecture) continue;
    await job.images.resolveManifest(manifest.digest, reference, { lease, signal });
  }
}

async function pushAll(
  job: Job,
  names: readonly string[],
  root: Descriptor,
  output: ImageOutput,
): Promise<string[]> {
  if (output.pushByDigest) return await pushOnly(job, names, root, output);
  const pushed: string[] = [];
  for (const name of names) {
    await push(job, name);
    pushed.push(familiarReference(parseReference(name)));
  }
  return pushed;
}

/** Pushes what the store does not name afterwards, unless it did before. */
async function pushOnly(
  job: Job,
  names: readonly string[],
  root: Descriptor,
  output: ImageOutput,
): Promise<string[]> {
  const pushed: string[] = [];
  for (const name of names) {
    const reference = parseReference(name);
    const { domain, path } = reference;
    const target = output.pushByDigest
      ? formatReference({ domain, path, digest: root.digest } as typeof reference)
      : name;
    await pushUnnamed(job, target, root);
    pushed.push(familiarReference(parseReference(target)));
  }
  return pushed;
}

export async function pushUnnamed(job: Job, target: string, root: Descriptor): Promise<void> {
  const before = await job.images.find(target);
  await job.images.register(target, root);
  try {
    await push(job, target);
  } finally {
    if (before) await job.images.register(target, before.descriptor);
    else await job.images.remove([target], { force: true });
  }
}

async function push(job: Job, name: string): Promise<void> {
  const { request, signal, reporter } = job;
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
