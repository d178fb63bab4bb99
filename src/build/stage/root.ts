/** What a stage's file system is made of so far. */
import { chainIds, type Digest } from "../../oci/mod.ts";
import type { DiskFolder } from "../../unpack/mod.ts";
import type { StoredLayer } from "../cache/step_records.ts";
import type { LayerDisk, Lower, StepOutcome } from "../run/types.ts";

/** A layer that is in the store, with its disk. */
export interface RootLayer {
  readonly layer: StoredLayer;
  readonly disk: string;
}

/** All layers are in the store. */
export interface SettledRoot {
  /** The bottom first. */
  readonly layers: readonly StoredLayer[];
  readonly disks: readonly LayerDisk[];
  /** Equal for roots that hold the same; empty for `scratch`. */
  readonly chain: string;
}

/** A layer that a RUN has left, and that is still being packed; undefined when nothing changed. */
export interface PendingLayerOf {
  readonly outcome: StepOutcome;
  readonly kept: Promise<RootLayer | undefined>;
}

/** Never changed: each step gives another one. */
export class Root {
  readonly #base: SettledRoot;
  readonly #pending: readonly PendingLayerOf[];

  constructor(base: SettledRoot, pending: readonly PendingLayerOf[] = []) {
    this.#base = base;
    this.#pending = pending;
  }

  static readonly EMPTY: Root = new Root({ layers: [], disks: [], chain: "" });

  /** Nothing is being packed: its chain is known. */
  get isSettled(): boolean {
    return this.#pending.length === 0;
  }

  /** For a RUN, which can go on upon what the RUN before it has left. */
  get lowers(): readonly Lower[] {
    return [...this.#base.disks, ...this.#pending.map(({ outcome }) => outcome)];
  }

  /** Waits for what is being packed. @throws What packing throws. */
  async settled(): Promise<SettledRoot> {
    let root = this.#base;
    for (const { kept } of this.#pending) root = joined(root, await kept);
    return root;
  }

  async with(layer: RootLayer | undefined): Promise<Root> {
    return new Root(joined(await this.settled(), layer));
  }

  withPending(layer: PendingLayerOf): Root {
    return new Root(this.#base, [...this.#pending, layer]);
  }
}

function joined(root: SettledRoot, added: RootLayer | undefined): SettledRoot {
  if (!added) return root;
  const { layer, disk } = added;
  const layers = [...root.layers, layer];
  return {
    layers,
    // A layer that is there already counts where it is topmost; overlayfs refuses it twice.
    disks: [
      ...root.disks.filter(({ diffId }) => diffId !== layer.diffId),
      { path: disk, diffId: layer.diffId },
    ],
    chain: chainOf(layers),
  };
}

export function chainOf(layers: readonly { readonly diffId: Digest }[]): string {
  return chainIds(layers.map(({ diffId }) => diffId)).at(-1) ?? "";
}

export function foldersOf(root: SettledRoot): DiskFolder[] {
  return root.disks.map(({ path }) => ({ disk: path }));
}
