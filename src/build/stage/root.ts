/** What a stage's file system is made of so far. */
import type { Images } from "../../image/mod.ts";
import { chainIds, type Digest } from "../../oci/mod.ts";
import type { DiskFolder } from "../../unpack/mod.ts";
import type { StoredLayer } from "../cache/step_records.ts";
import type { LayerDisk, Lower, StepOutcome } from "../run/types.ts";

/** What a stage begins with: an image's layers, of which several may be on one disk, or nothing. */
export interface Base {
  /** The bottom first. */
  readonly layers: readonly StoredLayer[];
  readonly disks: readonly LayerDisk[];
}

/** A layer that a RUN has left, and that is still being packed; undefined when nothing changed. */
export interface PendingStep {
  readonly outcome: StepOutcome;
  readonly kept: Promise<StoredLayer | undefined>;
}

/** Never changed: each step gives another one. */
export class Root {
  readonly #base: Base;
  readonly #own: readonly StoredLayer[];
  readonly #pending: readonly PendingStep[];

  constructor(
    base: Base,
    own: readonly StoredLayer[] = [],
    pending: readonly PendingStep[] = [],
  ) {
    this.#base = base;
    this.#own = own;
    this.#pending = pending;
  }

  /** Nothing is being packed: its chain is known. */
  get isSettled(): boolean {
    return this.#pending.length === 0;
  }

  /** Waits for what is being packed. @throws What packing throws. */
  async settled(): Promise<Root> {
    if (this.isSettled) return this;
    const kept = await Promise.all(this.#pending.map(({ kept }) => kept));
    return new Root(this.#base, [...this.#own, ...kept.filter((layer) => layer !== undefined)]);
  }

  /** All layers, the bottom first. Of a settled root. */
  get layers(): readonly StoredLayer[] {
    return [...this.#base.layers, ...this.#own];
  }

  /** How many of the layers are not the base's. Of a settled root. */
  get own(): number {
    return this.#own.length;
  }

  /** Equal for roots that hold the same; empty for `scratch`. Of a settled root. */
  get chain(): string {
    return chainOf(this.layers);
  }

  /** The disks of a settled root, the bottom first. One that is missing is made from its layer. */
  async disks(images: Pick<Images, "layerDisk">): Promise<LayerDisk[]> {
    const own = await Promise.all(this.#own.map(async (layer) => ({
      path: await images.layerDisk({ descriptor: layer, diffId: layer.diffId }),
      diffId: layer.diffId,
    })));
    // A layer that is there twice counts where it is topmost; overlayfs refuses it twice.
    const all = [...this.#base.disks, ...own];
    return all.filter(({ diffId }, at) =>
      all.findLastIndex((each) => each.diffId === diffId) === at
    );
  }

  /** For a RUN, which can go on upon what the RUN before it has left. */
  async lowers(images: Pick<Images, "layerDisk">): Promise<Lower[]> {
    const below = await new Root(this.#base, this.#own).disks(images);
    return [...below, ...this.#pending.map(({ outcome }) => outcome)];
  }

  /** Of a settled root. */
  with(layer: StoredLayer | undefined): Root {
    return layer ? new Root(this.#base, [...this.#own, layer]) : this;
  }

  withPending(step: PendingStep): Root {
    return new Root(this.#base, this.#own, [...this.#pending, step]);
  }
}

export const EMPTY_ROOT: Root = new Root({ layers: [], disks: [] });

export function chainOf(layers: readonly { readonly diffId: Digest }[]): string {
  return chainIds(layers.map(({ diffId }) => diffId)).at(-1) ?? "";
}

export function foldersOf(disks: readonly LayerDisk[]): DiskFolder[] {
  return disks.map(({ path }) => ({ disk: path }));
}
