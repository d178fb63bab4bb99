import { CtrError } from "../core/mod.ts";
import { chainIds, type Digest, hexOf } from "../oci/mod.ts";
import type { LayerSource, mergeLayers, unpackLayer, UnpackLimits } from "../unpack/mod.ts";
import { lockObject } from "./object_lock.ts";
import { fileSize, type StorePaths } from "./paths.ts";
import type { ImageLimits, LayerBlob } from "./types.ts";

/** Loaded when the first layer is unpacked: most commands never do. */
export interface Unpacker {
  readonly unpackLayer: typeof unpackLayer;
  readonly mergeLayers: typeof mergeLayers;
}

export interface DiskOptions {
  readonly signal?: AbortSignal | undefined;
  /** Compressed bytes taken so far. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

export interface DiskPlan {
  /** Layers that become one disk below the others. Empty, or at least two. */
  readonly merged: readonly LayerBlob[];
  /** The name of that disk. */
  readonly mergedId: Digest | undefined;
  /** Layers with a disk of their own, bottom first. */
  readonly single: readonly LayerBlob[];
}

/**
 * Which disks make up a root file system.
 *
 * A layer that occurs twice counts where it is topmost: the lower one is hidden by it entirely, and
 * overlayfs refuses the same folder twice.
 *
 * @param max The most disks.
 */
export function planDisks(layers: readonly LayerBlob[], max: number): DiskPlan {
  const distinct = layers.filter((layer, at) =>
    layers.findLastIndex(({ diffId }) => diffId === layer.diffId) === at
  );
  if (distinct.length <= max) return { merged: [], mergedId: undefined, single: distinct };
  const cut = distinct.length - max + 1;
  const merged = distinct.slice(0, cut);
  return {
    merged,
    mergedId: chainIds(merged.map(({ diffId }) => diffId)).at(-1),
    single: distinct.slice(cut),
  };
}

/** The disks' names, bottom first. */
export function diskIds(plan: DiskPlan): Digest[] {
  const below = plan.mergedId === undefined ? [] : [plan.mergedId];
  return [...below, ...plan.single.map(({ diffId }) => diffId)];
}

/** One read-only ext4 per layer. A disk is there whole and verified, or it is not there. */
export class LayerDisks {
  #paths: StorePaths;
  #limits: ImageLimits;
  #load: () => Promise<Unpacker>;

  constructor(paths: StorePaths, limits: ImageLimits, load: () => Promise<Unpacker>) {
    this.#paths = paths;
    this.#limits = limits;
    this.#load = load;
  }

  async has(id: Digest): Promise<boolean> {
    return await fileSize(this.#paths.disk(id)) !== undefined;
  }

  plan(layers: readonly LayerBlob[]): DiskPlan {
    return planDisks(layers, this.#limits.layerDisks);
  }

  /**
   * Makes the disk of `layer` unless it is there. The caller may hold the lock of its blob.
   *
   * @param source Compressed bytes; the path of the blob lets the worker read them itself.
   * @returns False if the disk was there and `source` was not touched.
   */
  async make(layer: LayerBlob, source: () => LayerSource, options: DiskOptions): Promise<boolean> {
    await using _lock = await lockObject(this.#lock(layer.diffId), options.signal);
    if (await this.has(layer.diffId)) return false;
    const { unpackLayer } = await this.#load();
    await unpackLayer({
      source: source(),
      // Enough registries hold gzip under the name of plain tar, and both digests are checked.
      compression: "auto",
      expectedDigest: layer.digest,
      expectedDiffId: layer.diffId,
      target: this.#paths.disk(layer.diffId),
      limits: this.#unpackLimits(),
      ...(options.signal && { signal: options.signal }),
      ...(options.onBytes && { onProgress: options.onBytes }),
    });
    return true;
  }

  /** Makes the disk of several layers, whose own disks are there. */
  async merge(plan: DiskPlan, options: DiskOptions): Promise<void> {
    if (plan.mergedId === undefined) return;
    await using _lock = await lockObject(this.#lock(plan.mergedId), options.signal);
    if (await this.has(plan.mergedId)) return;
    const { mergeLayers } = await this.#load();
    await mergeLayers({
      sources: plan.merged.map(({ diffId }) => this.#paths.disk(diffId)),
      target: this.#paths.disk(plan.mergedId),
      keepWhiteouts: false,
      ...(options.signal && { signal: options.signal }),
    });
  }

  /** Makes what is missing of an image's disks from its blobs. @returns Paths, bottom first. */
  async complete(layers: readonly LayerBlob[], options: DiskOptions = {}): Promise<string[]> {
    const plan = this.plan(layers);
    const needsMerge = plan.mergedId !== undefined && !await this.has(plan.mergedId);
    const wanted = needsMerge ? [...plan.merged, ...plan.single] : plan.single;
    await Promise.all(wanted.map((layer) => this.#fromBlob(layer, options)));
    if (needsMerge) await this.merge(plan, options);
    return diskIds(plan).map((id) => this.#paths.disk(id));
  }

  async #fromBlob(layer: LayerBlob, options: DiskOptions): Promise<void> {
    if (await this.has(layer.diffId)) return;
    await this.make(layer, () => this.#paths.blob(layer.digest), options);
  }

  #lock(id: Digest): string {
    return this.#paths.lock(`disk-${hexOf(id)}`);
  }

  #unpackLimits(): UnpackLimits {
    const { layerBytes, layerEntries, layerDevices } = this.#limits;
    return {
      maxUncompressedBytes: layerBytes,
      maxEntries: layerEntries,
      maxDevices: layerDevices,
    };
  }
}

/** @throws {CtrError} `not-found` if a layer's blob is not in the store. */
export function missingBlob(reference: string, layer: LayerBlob): CtrError {
  return new CtrError(
    "not-found",
    `cannot use "${reference}": layer ${layer.digest.slice(0, 19)} is not here`,
    { hint: `fetch it with: ctr image pull ${reference}` },
  );
}
