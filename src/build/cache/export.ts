/** `--cache-to`: the steps of a build for other builders, as an image that nobody runs. */
import type { BuildRequest, CacheTarget } from "../../api/mod.ts";
import { MAX_LAYERS, MEDIA_TYPE } from "../../oci/mod.ts";
import type { Job } from "../job.ts";
import { writeLayout } from "../output/archive_output.ts";
import { formedLayer } from "../output/forms.ts";
import { put } from "../output/image.ts";
import { pushUnnamed } from "../output/image_output.ts";
import type { StageEnd } from "../stage/stage_run.ts";
import { cacheField } from "./portable.ts";
import type { CachedStep } from "./step_cache.ts";
import type { StoredLayer } from "./step_records.ts";

type Outside = Exclude<CacheTarget, { type: "inline" }>;

/** What an inline cache adds to the configuration of an image. */
export async function inlineCache(
  request: BuildRequest,
  end: StageEnd,
): Promise<Readonly<Record<string, unknown>>> {
  if (!request.cacheTo.some(({ type }) => type === "inline")) return {};
  return cacheField(await stepsOf(end));
}

export async function exportCaches(job: Job, ends: readonly StageEnd[]): Promise<void> {
  for (const [at, target] of job.request.cacheTo.entries()) {
    if (target.type === "inline") continue;
    const name = target.type === "registry" ? target.reference : target.path;
    const step = job.reporter.step({ id: `cache.${at}`, title: `export cache to ${name}` }, false);
    try {
      await exportCache(job, ends, target);
      step.end();
    } catch (error) {
      step.end(error);
      job.signal.throwIfAborted();
      if (!target.ignoreError) throw error;
      const fact = error instanceof Error ? error.message : String(error);
      job.reporter.warn(`the cache was not exported: ${fact}`);
    }
  }
}

async function exportCache(job: Job, ends: readonly StageEnd[], target: Outside): Promise<void> {
  const steps = target.mode === "max"
    ? [...job.cache.used.values()]
    : (await Promise.all(ends.map(stepsOf))).flat();
  const { layers, kept } = await layersOf(job, steps, target);
  const { os, architecture } = job.hostPlatform;
  const config = await put(job, MEDIA_TYPE.config, {
    os,
    architecture,
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    ...cacheField(kept),
  });
  const manifest = await put(job, MEDIA_TYPE.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config,
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  });
  if (target.type === "registry") return await pushUnnamed(job, target.reference, manifest);
  await writeLayout(
    job,
    target.path,
    manifest,
    [manifest, config, ...layers],
    target.tag ?? "latest",
  );
}

/** Steps with layers that there is room for, and those without. */
async function layersOf(
  job: Job,
  steps: readonly CachedStep[],
  form: Outside,
): Promise<{ layers: StoredLayer[]; kept: CachedStep[] }> {
  const layers = new Map<string, StoredLayer>();
  const kept: CachedStep[] = [];
  for (const step of steps) {
    const { layer } = step;
    if (layer && !layers.has(layer.diffId)) {
      if (layers.size === MAX_LAYERS) continue;
      layers.set(
        layer.diffId,
        await formedLayer(job, layer, true, { ...form, rewriteTimestamp: false }),
      );
    }
    kept.push(step);
  }
  return { layers: [...layers.values()], kept };
}

/** What the target itself went through, bottom first. */
async function stepsOf({ history }: StageEnd): Promise<CachedStep[]> {
  const made = await Promise.all(history.map((entry) => entry.made));
  return made.filter((step) => step !== undefined);
}
