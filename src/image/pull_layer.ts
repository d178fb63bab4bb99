import { isCtrError } from "../core/mod.ts";
import type { Descriptor } from "../oci/mod.ts";
import { hexOf, layerCompression } from "../oci/mod.ts";
import { checkDigest, fetchBlob } from "./fetch_blob.ts";
import { lockObject } from "./object_lock.ts";
import { removeIfThere } from "./paths.ts";
import type { Pull } from "./pull.ts";
import type { LayerBlob, LayerPhase } from "./types.ts";

/** A layer, and whether a disk of its own is wanted. */
export interface PairedLayer {
  readonly layer: LayerBlob;
  readonly needsDisk: boolean;
}

/**
 * Adds the task that makes a layer's blob and disk, each if it is missing.
 *
 * Its bytes are fetched once: they go to the blob's file and, in the same pass, to the unpacker.
 *
 * @param paired Tells the diff ID, when the config is here. The download need not wait for it.
 */
export function pullLayer(pull: Pull, layer: Descriptor, paired: () => Promise<PairedLayer>): void {
  layerCompression(layer.mediaType);
  const report = reporter(pull, layer);
  report("waiting", 0);
  pull.group.add(async () => {
    const { store } = pull;
    const { signal } = pull.group;
    await using _lock = await lockObject(store.paths.lock(`blob-${hexOf(layer.digest)}`), signal);
    const isHere = await store.content.has(layer);
    if (isHere && await fromBlob(pull, await paired(), report)) return;
    await fromRegistry(pull, layer, paired, report);
  });
}

type Report = (phase: LayerPhase, current: number) => void;

function reporter({ options }: Pull, { digest, size }: Descriptor): Report {
  return (phase, current) =>
    options.onProgress?.({ kind: "layer", digest, phase, current, total: size });
}

/** @returns False if the blob turned out to have changed since it was verified. */
async function fromBlob(
  pull: Pull,
  { layer, needsDisk }: PairedLayer,
  report: Report,
): Promise<boolean> {
  const { store, lease, group } = pull;
  await lease.add(layer.diffId);
  if (!needsDisk || await store.disks.has(layer.diffId)) {
    report("exists", layer.size);
    return true;
  }
  report("unpacking", 0);
  try {
    await store.disks.make(layer, () => layer.path, {
      signal: group.signal,
      onBytes: (bytes) => report("unpacking", Math.min(bytes, layer.size)),
    });
  } catch (error) {
    if (!isCtrError(error, "bad-data")) throw error;
    store.log.warn("a layer's blob is damaged, fetching it again", { digest: layer.digest });
    await removeIfThere(layer.path);
    return false;
  }
  report("done", layer.size);
  return true;
}

async function fromRegistry(
  pull: Pull,
  layer: Descriptor,
  paired: () => Promise<PairedLayer>,
  report: Report,
): Promise<void> {
  const { store, reference, options, lease, group } = pull;
  const { signal } = group;
  report("downloading", 0);
  const tee = async (bytes: AsyncIterable<Uint8Array>) => {
    const { layer, needsDisk } = await paired();
    await lease.add(layer.diffId);
    // Its disk may have come with another image that compressed the layer otherwise.
    const made = needsDisk && await store.disks.make(layer, () => bytes, { signal });
    if (!made) await checkDigest(bytes, layer);
  };
  await fetchBlob(store.content, store.registry, layer, {
    reference,
    scheme: options.scheme,
    signal,
    onBytes: (bytes) => report(bytes < layer.size ? "downloading" : "unpacking", bytes),
    tee,
  });
  report("done", layer.size);
}
