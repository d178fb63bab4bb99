/** The main thread's part of a layer: feed the decoder, watch both workers, compare digests, name the disk. */
import { CtrError } from "../core/mod.ts";
import { fromFailure } from "./failures.ts";
import { withDefaults } from "./limits.ts";
import { makeDisk } from "./new_disk.ts";
import type { Decoded, Written } from "./protocol.ts";
import type { LayerSource, UnpackedLayer, UnpackLayerOptions } from "./types.ts";
import { giveBack, takeWorker, type UnpackWorker } from "./worker_pool.ts";

/** Compressed bytes that may wait in the decoder's queue. */
const AHEAD_BYTES = 1 << 20;

/**
 * Turns one layer, as it downloads, into an ext4 disk: decompress, verify, tar to ext4, flush, name.
 *
 * All heavy work is done in workers. The disk appears under `target` only when both digests were
 * checked and its bytes are on stable storage; whatever goes wrong, nothing is left behind.
 * Whiteouts become overlayfs whiteouts.
 *
 * @throws {CtrError} `bad-data` if a digest differs, the archive is damaged or a path leaves the root;
 *   `too-large` if a limit is broken; `no-space` if the disk is full; what `signal` was aborted with.
 */
export async function unpackLayer(options: UnpackLayerOptions): Promise<UnpackedLayer> {
  options.signal?.throwIfAborted();
  const name = options.expectedDigest ?? options.expectedDiffId;
  const doing = name === undefined ? "unpack layer" : `unpack layer ${name.slice(0, 19)}`;
  return await makeDisk(options.target, async (disk) => {
    const { decoded, written } = await runWorkers(options, disk, doing);
    checkDigest(doing, "its digest", options.expectedDigest, decoded.digest);
    checkDigest(doing, "its diff ID", options.expectedDiffId, written.diffId);
    options.signal?.throwIfAborted();
    return { ...decoded, ...written };
  });
}

function checkDigest(
  doing: string,
  what: string,
  expected: string | undefined,
  found: string,
): void {
  if (expected === undefined || expected === found) return;
  throw new CtrError("bad-data", `${doing}: ${what} is ${found}, not ${expected}`);
}

async function runWorkers(
  options: UnpackLayerOptions,
  disk: string,
  doing: string,
): Promise<{ decoded: Decoded; written: Written }> {
  const decoder = takeWorker();
  const writer = takeWorker();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const onAbort = () => failed.reject(options.signal!.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  const feed = new Feed(decoder);
  const decoded = Promise.withResolvers<Decoded>();
  const written = Promise.withResolvers<Written>();
  let taken = 0;
  decoder.onevent = writer.onevent = (event) => {
    if (event.event === "failed") failed.reject(fromFailure(doing, event.failure));
    else if (event.event === "decoded") decoded.resolve(event.result);
    else if (event.event === "written") written.resolve(event.result);
    else {
      feed.taken(event.bytes);
      options.onProgress?.(taken += event.bytes);
    }
  };
  let sound = false;
  try {
    const { port1, port2 } = new MessageChannel();
    const limits = withDefaults(options.limits);
    const path = typeof options.source === "string" ? options.source : undefined;
    writer.post({ job: "write", disk, limits, port: port1 }, [port1]);
    decoder.post({
      job: "decode",
      compression: options.compression ?? "auto",
      path,
      maxUncompressedBytes: limits.maxUncompressedBytes,
      port: port2,
    }, [port2]);
    if (typeof options.source !== "string") await feed.run(options.source, failed.promise);
    const result = {
      decoded: await Promise.race([decoded.promise, failed.promise]),
      written: await Promise.race([written.promise, failed.promise]),
    };
    sound = true;
    return result;
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
    for (const worker of [decoder, writer]) {
      if (sound) giveBack(worker);
      else worker.end();
    }
  }
}

/** Moves a stream into the decoder, never more than {@linkcode AHEAD_BYTES} ahead of it. */
class Feed {
  readonly #decoder: UnpackWorker;
  #ahead = 0;
  #wake: (() => void) | undefined;

  constructor(decoder: UnpackWorker) {
    this.#decoder = decoder;
  }

  taken(bytes: number): void {
    this.#ahead -= bytes;
    if (this.#ahead >= AHEAD_BYTES) return;
    this.#wake?.();
    this.#wake = undefined;
  }

  async run(source: Exclude<LayerSource, string>, failed: Promise<never>): Promise<void> {
    const iterator = source[Symbol.asyncIterator]();
    let ended = false;
    try {
      for (;;) {
        const next = await Promise.race([iterator.next(), failed]);
        if (next.done) break;
        if (next.value.length === 0) continue;
        // The caller's bytes stay the caller's: a copy of a network chunk costs nothing beside inflating it.
        const bytes = next.value.slice();
        this.#ahead += bytes.length;
        this.#decoder.post({ job: "chunk", bytes }, [bytes.buffer]);
        if (this.#ahead >= AHEAD_BYTES) {
          await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), failed]);
        }
      }
      ended = true;
    } finally {
      // A source that hangs must not keep the error back, so nobody waits for this.
      if (!ended) iterator.return?.()?.catch(() => {});
    }
    this.#decoder.post({ job: "end" });
  }
}
