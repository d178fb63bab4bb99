/** Layers in another form than they were made in: compressed otherwise, with other times. */
import type { BuildOutput } from "../../api/mod.ts";
import { layerCompression } from "../../oci/mod.ts";
import type { StoredLayer } from "../cache/step_records.ts";
import type { Job } from "../job.ts";
import { keyOf } from "../key.ts";
import type { Root } from "../stage/root.ts";

type Named = Extract<BuildOutput, { type: "image" }>;

export type LayerForm = Pick<
  Named,
  "compression" | "compressionLevel" | "forceCompression" | "rewriteTimestamp"
>;

/**
 * The layers of a root as an output wants them. A base's layers keep their times, and their compression unless
 * that is forced.
 *
 * @param root Settled.
 */
export async function formedLayers(
  job: Job,
  root: Root,
  form: LayerForm,
): Promise<StoredLayer[]> {
  const { own, layers } = root;
  const isOwn = (at: number) => at >= layers.length - own;
  return await Promise.all(layers.map((layer, at) => formedLayer(job, layer, isOwn(at), form)));
}

/** @param isOwn False for a layer of the base. */
export async function formedLayer(
  job: Job,
  layer: StoredLayer,
  isOwn: boolean,
  form: LayerForm,
): Promise<StoredLayer> {
  const latestMtime = form.rewriteTimestamp && isOwn ? job.epoch : undefined;
  const before = layerCompression(layer.mediaType);
  const wanted = isOwn || form.forceCompression ? form.compression ?? before : before;
  const level = wanted === before && !form.forceCompression ? undefined : form.compressionLevel;
  if (latestMtime === undefined && wanted === before && level === undefined) return layer;
  const key = keyOf("form", { layer: layer.digest, latestMtime, wanted, level: level ?? null });
  const description = `layer ${layer.digest.slice(7, 19)} as ${wanted}`;
  return await job.locks.run(key, job.signal, async () => {
    const found = await job.cache.find(key, description, layer.diffId);
    if (found?.layer) return found.layer;
    const path = await job.images.blobPath(layer.digest);
    const made = await job.cache.make({ kind: "archive", path, latestMtime }, "cannot export", {
      compression: wanted,
      level,
    });
    if (!made) return layer;
    job.cache.add(key, made, description, layer.diffId);
    return made;
  });
}
