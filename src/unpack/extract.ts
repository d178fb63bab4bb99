import { fromFailure } from "./failures.ts";
import { withDefaults } from "./limits.ts";
import type { UnpackLimits } from "./types.ts";
import { giveBack, takeWorker } from "./worker_pool.ts";
import type { Extracted } from "./extract_job.ts";

export interface ExtractOptions {
  /** Paths of disks, the bottom first. */
  readonly disks: readonly string[];
  /** An existing folder. */
  readonly folder: string;
  /** Seconds since 1970: what is newer gets this time. */
  readonly latestMtime?: number | undefined;
  /** Begins the errors: `cannot write "out"`. */
  readonly doing: string;
  readonly limits?: UnpackLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes what disks show together into a folder of this host: as the caller's own files, without devices and
 * without setuid bits. What is there stays, or is replaced by what bears its name.
 *
 * @throws {CtrError} `conflict` where a folder would replace something else or the other way round, `no-space`,
 *   `bad-data`; what `signal` was aborted with. What was written stays.
 */
export async function extractDisks(options: ExtractOptions): Promise<Extracted> {
  const { disks, folder, latestMtime, doing, signal } = options;
  signal?.throwIfAborted();
  const worker = takeWorker();
  const { promise, resolve, reject } = Promise.withResolvers<Extracted>();
  const onAbort = () => reject(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  worker.onevent = (event) => {
    if (event.event === "extracted") resolve(event.result);
    else if (event.event === "failed") reject(fromFailure(doing, event.failure));
  };
  let sound = false;
  try {
    worker.post({
      job: "extract",
      disks,
      folder,
      latestMtime,
      limits: withDefaults(options.limits),
    });
    const extracted = await promise;
    sound = true;
    return extracted;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    if (sound) giveBack(worker);
    else worker.end();
  }
}
