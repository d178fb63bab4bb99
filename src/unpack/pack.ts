/** The main thread's part of packing: starts the worker and hands out what it makes. */
import { fromFailure } from "./failures.ts";
import { withDefaults } from "./limits.ts";
import type { PackedResult, PackJob, PortMessage } from "./protocol.ts";
import type { Packed, PackOptions } from "./types.ts";
import { giveBack, takeWorker } from "./worker_pool.ts";

/**
 * Packs what disks show together, or what the writable one changes of the others.
 *
 * - `tree`: a tar archive of the whole file system, as `docker export` makes it.
 * - `layer`: the changes as an OCI layer, gzip-compressed, whiteouts as names.
 * - `changes`: the changes as lines of JSON, `{"kind": "A" | "C" | "D", "path": "/…"}`.
 *
 * The writable disk is not believed: a damaged one ends in `bad-data`. Memory does not grow with the
 * content. Same disks, same bytes.
 *
 * @throws {CtrError} From `bytes`: `bad-data`, `too-large`, `unsupported`.
 */
export function packDisks(options: PackOptions): Packed {
  const result = Promise.withResolvers<PackedResult>();
  result.promise.catch(() => {}); // `bytes` tells of it
  return { bytes: bytesOf(options, result), result: result.promise };
}

async function* bytesOf(
  options: PackOptions,
  result: PromiseWithResolvers<PackedResult>,
): AsyncGenerator<Uint8Array, void> {
  const worker = takeWorker();
  const { port1, port2 } = new MessageChannel();
  const queue: PortMessage[] = [];
  let failure: Error | undefined;
  let wake = () => {};
  port1.onmessage = ({ data }: MessageEvent<PortMessage>) => {
    queue.push(data);
    wake();
  };
  worker.onevent = (event) => {
    if (event.event === "packed") result.resolve(event.result);
    else if (event.event === "failed") failure = fromFailure(options.doing, event.failure);
    wake();
  };
  const job: PackJob = {
    job: "pack",
    what: options.what,
    disks: options.disks,
    upper: options.upper,
    ignored: options.ignored ?? { folders: [], emptyFiles: [] },
    limits: withDefaults(options.limits),
    port: port2,
  };
  worker.post(job, [port2]);
  let sound = false;
  try {
    for (;;) {
      const message = queue.shift();
      if (message === undefined) {
        if (failure) throw failure;
        await new Promise<void>((resolve) => wake = resolve);
      } else if (message === "end") {
        break;
      } else {
        yield new Uint8Array(message.buffer, 0, message.length);
        port1.postMessage(message.buffer, [message.buffer]);
      }
    }
    await Promise.race([result.promise, new Promise<void>((resolve) => wake = resolve)]);
    if (failure) throw failure;
    sound = true;
  } finally {
    port1.close();
    if (sound) giveBack(worker);
    else worker.end();
    result.reject(failure ?? new Error("the archive was not wanted any more"));
  }
}
