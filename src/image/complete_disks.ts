import { collectThese } from "./collect.ts";
import type { DiskOptions } from "./layer_disks.ts";
import { takeLease } from "./lease.ts";
import type { Store } from "./store.ts";
import type { LayerBlob } from "./types.ts";

/**
 * Makes what is missing of an image's disks from its blobs. The disks of layers that were merged go
 * again, unless another image has them.
 *
 * @returns Paths, bottom first.
 */
export async function completeDisks(
  store: Store,
  layers: readonly LayerBlob[],
  options: DiskOptions,
): Promise<string[]> {
  const { merged, mergedId } = store.disks.plan(layers);
  const merges = mergedId !== undefined && !await store.disks.has(mergedId);
  if (!merges) return await store.disks.complete(layers, options);
  const members = merged.map(({ diffId }) => diffId);
  const paths = await leased(store, members, () => store.disks.complete(layers, options));
  await collectThese(store, "disks", members);
  return paths;
}

async function leased<T>(
  store: Store,
  digests: readonly LayerBlob["diffId"][],
  work: () => Promise<T>,
): Promise<T> {
  await using lease = await takeLease(store.paths);
  await lease.add(...digests);
  return await work();
}
