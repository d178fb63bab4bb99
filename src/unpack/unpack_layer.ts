/** The main thread's part of a layer: feed the decoder, watch both workers, compare digests, name the disk. */
import { CtrError } from "../core/mod.ts";
import { fromFailure } from "./failures.ts";
import { Feed } from "./feed.ts";
import { withDefaults } from "./limits.ts";
import { makeDisk } from "./new_disk.ts";
import type { Decoded, Written } from "./protocol.ts";
import type { UnpackedLayer, UnpackLayerOptions } from "./types.ts";
import { giveBack, takeWorker } from "./worker_pool.ts";

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
  const feed = new Feed(decoder);
  const decoded = Promise.withResolvers<Decoded>();
  const written = Promise.withResolvers<Written>();
  const both = Promise.all([decoded.promise, written.promise]);
  both.catch(() => {}); // the feed may be first to tell
  const fail = (error: unknown) => {
    feed.fail(error);
    decoded.reject(error);
    written.reject(error); // the decoder may be done already
  };
  const onAbort = () => fail(options.signal!.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  let taken = 0;
  decoder.onevent = writer.onevent = (event) => {
    if (event.event === "failed") fail(fromFailure(doing, event.failure));
    else if (event.event === "decoded") decoded.resolve(event.result);
    else if (event.event === "written") written.resolve(event.result);
    else if (event.event === "taken") {
      if (event.buffer) feed.taken(event.buffer);
      options.onProgress?.(taken += event.bytes);
    }
  };
  let sound = false;
  try {
    const { port1, port2 } = new MessageChannel();
    const limits = withDefaults(options.limits);
    const path = typeof options.source === "string" ? options.source : undefined;
    const { plain = false } = options;
    writer.post({ job: "write", disk, plain, limits, port: port1 }, [port1]);
    decoder.post({
      job: "decode",
      compression: options.compression ?? "auto",
      path,
      maxUncompressedBytes: limits.maxUncompressedBytes,
      port: port2,
    }, [port2]);
    if (typeof options.source !== "string") await feed.run(options.source);
    const [decodedResult, writtenResult] = await both;
    sound = true;
    return { decoded: decodedResult, written: writtenResult };
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
    for (const worker of [decoder, writer]) {
      if (sound) giveBack(worker);
      else worker.end();
    }
  }
}
