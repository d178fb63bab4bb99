import { CtrError } from "../../core/mod.ts";
import { MEDIA_TYPE } from "../../oci/mod.ts";
import { type DiskFolder, makeLayer } from "../../unpack/mod.ts";
import type { BuilderVm } from "./builder_vm.ts";
import { scratchFolder } from "./step_request.ts";
import type { LayerTarget, Lower, PackedLayer, StepOutcome } from "./types.ts";

/** What the guest puts on a root to have something to mount on; new mount points it removes itself. */
const IGNORED = {
  folders: [],
  emptyFiles: ["etc/hostname", "etc/hosts", "etc/resolv.conf"],
};

const MEDIA_TYPES = {
  none: MEDIA_TYPE.layer,
  gzip: MEDIA_TYPE.layerGzip,
  zstd: MEDIA_TYPE.layerZstd,
} as const;

/** What a step has left on the scratch disk of its VM, while it becomes a layer. */
export class Outcome implements StepOutcome {
  readonly stepId: string;
  readonly layer: Promise<PackedLayer | undefined>;
  /** Where it is. */
  readonly vm: BuilderVm;
  /** On the scratch disk, without the `upper` in it. */
  readonly folder: string;

  /**
   * @param id Of the step in its VM. @param lowers What it was made on.
   * @param signal Ends the packing.
   */
  constructor(
    vm: BuilderVm,
    id: string,
    step: { readonly id: string; readonly lowers: readonly Lower[]; readonly layer: LayerTarget },
    signal: AbortSignal,
  ) {
    this.stepId = step.id;
    this.vm = vm;
    this.folder = scratchFolder(id);
    this.layer = this.#pack(step.lowers, step.layer, signal);
    this.layer.catch(() => {}); // told to whoever wants it
  }

  async #pack(
    lowers: readonly Lower[],
    { blob, disk, compression }: LayerTarget,
    signal: AbortSignal,
  ): Promise<PackedLayer | undefined> {
    const { entries, diffId, digest, size } = await makeLayer({
      content: {
        kind: "changes",
        lowers: lowers.map((lower) => placeOf(lower, this.vm)),
        upper: { disk: this.vm.scratch, folder: `${this.folder}/upper` },
        ignored: IGNORED,
      },
      blob,
      disk,
      compression,
      doing: `cannot keep what the step "${this.stepId}" has changed`,
      signal,
    });
    if (entries === 0) {
      for (const path of [blob, disk]) await Deno.remove(path).catch(() => {});
      return undefined;
    }
    const mediaType = MEDIA_TYPES[compression];
    return { path: disk, diffId, entries, blob: { path: blob, digest, size, mediaType } };
  }
}

/** Where the host reads what a step was made on. */
function placeOf(lower: Lower, vm: BuilderVm): DiskFolder {
  if (!isOutcome(lower)) return { disk: lower.path };
  return { disk: vm.scratch, folder: `${outcomeIn(lower, vm).folder}/upper` };
}

export function isOutcome(lower: Lower): lower is StepOutcome {
  return "stepId" in lower;
}

/** @throws {CtrError} `unavailable` if its VM has ended meanwhile, and another one runs. */
export function outcomeIn(lower: StepOutcome, vm: BuilderVm): Outcome {
  if (lower instanceof Outcome && lower.vm === vm) return lower;
  throw new CtrError(
    "unavailable",
    `cannot go on from the step "${lower.stepId}": the VM that it was run in has ended`,
  );
}
