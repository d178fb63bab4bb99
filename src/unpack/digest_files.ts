/** The main thread's part of digests: shares files out among workers. */
import { fromFailure } from "./failures.ts";
import type { DigestedFile } from "./layer_content.ts";
import { giveBack, takeWorker } from "./worker_pool.ts";

export interface DigestFilesOptions {
  /** Paths of disks that contents refer to. */
  readonly disks?: readonly string[];
  /** Begins the errors: `cannot copy`. */
  readonly doing: string;
  readonly signal?: AbortSignal | undefined;
}

/** A second worker is worth it from here on. */
const SHARED_BYTES = 8 << 20;
const SIZE = 32;

/**
 * Digests of files, 32 bytes each, in their order.
 *
 * @throws {CtrError} `bad-data` for a file that has another size or inode than it is said to have; what
 *   `signal` was aborted with.
 */
export async function digestFiles(
  files: readonly DigestedFile[],
  options: DigestFilesOptions,
): Promise<Uint8Array[]> {
  options.signal?.throwIfAborted();
  const digests: Uint8Array[] = [];
  const parts = await Promise.all(inParts(files).map((part) => runWorker(part, options)));
  for (const part of parts) {
    for (let at = 0; at < part.length; at += SIZE) digests.push(part.subarray(at, at + SIZE));
  }
  return digests;
}

/** One part, or two of about the same size. A file costs about what 20 kB of content do. */
function inParts(files: readonly DigestedFile[]): (readonly DigestedFile[])[] {
  const cost = ({ size }: DigestedFile) => size + 20_000;
  const total = files.reduce((sum, file) => sum + cost(file), 0);
  if (files.length === 0) return [];
  if (files.length < 2 || total < SHARED_BYTES) return [files];
  let cut = 0;
  for (let sum = 0; cut < files.length - 1 && sum < total / 2; cut++) sum += cost(files[cut]!);
  return [files.slice(0, cut), files.slice(cut)];
}

async function runWorker(
  files: readonly DigestedFile[],
  { disks = [], doing, signal }: DigestFilesOptions,
): Promise<Uint8Array> {
  const worker = takeWorker();
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const onAbort = () => reject(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  worker.onevent = (event) => {
    if (event.event === "digested") resolve(event.digests);
    else if (event.event === "failed") reject(fromFailure(doing, event.failure));
  };
  let sound = false;
  try {
    worker.post({ job: "digest", files, disks });
    const digests = await promise;
    sound = true;
    return digests;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    if (sound) giveBack(worker);
    else worker.end();
  }
}
