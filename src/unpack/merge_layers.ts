import { fromFailure } from "./failures.ts";
import { withDefaults } from "./limits.ts";
import { makeDisk } from "./new_disk.ts";
import type { Written } from "./protocol.ts";
import type { MergedLayers, MergeLayersOptions } from "./types.ts";
import { giveBack, takeWorker } from "./worker_pool.ts";

const DOING = "merge layers";

/**
 * Merges layer disks into one: topmost wins, whiteouts are applied, each file is written once.
 *
 * @throws {CtrError} `bad-data` if a source is not a sound ext4 disk, `too-large` if a limit is broken,
 *   `no-space` if the content does not fit; what `signal` was aborted with. Nothing is left behind then.
 */
export async function mergeLayers(options: MergeLayersOptions): Promise<MergedLayers> {
  options.signal?.throwIfAborted();
  return await makeDisk(options.target, async (disk) => {
    const { entries, privilegedFiles, blocks, sizeBytes } = await runWorker(options, disk);
    return { entries, privilegedFiles, blocks, sizeBytes };
  });
}

async function runWorker(options: MergeLayersOptions, disk: string): Promise<Written> {
  const worker = takeWorker();
  const { promise, resolve, reject } = Promise.withResolvers<Written>();
  const onAbort = () => reject(options.signal!.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  worker.onevent = (event) => {
    if (event.event === "written") resolve(event.result);
    else if (event.event === "failed") reject(fromFailure(DOING, event.failure));
  };
  let sound = false;
  try {
    worker.post({
      job: "merge",
      disk,
      sources: options.sources,
      keepWhiteouts: options.keepWhiteouts,
      capacityBytes: options.capacityBytes,
      journal: options.journal ?? false,
      uuid: options.uuid,
      label: options.label,
      limits: withDefaults(options.limits),
    });
    const written = await promise;
    sound = true;
    return written;
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
    if (sound) giveBack(worker);
    else worker.end();
  }
}
