/** The main thread's part of a new layer: watches both workers. */
import { fromFailure } from "./failures.ts";
import type { LayerContent } from "./layer_content.ts";
import { withDefaults } from "./limits.ts";
import type { Compressed, Written } from "./protocol.ts";
import type { UnpackLimits } from "./types.ts";
import { giveBack, takeWorker } from "./worker_pool.ts";

export interface MakeLayerOptions {
  readonly content: LayerContent;
  /** Path of the compressed archive. Its folder exists; a file of that name is replaced. */
  readonly blob: string;
  /** Path of the disk, as `blob`. */
  readonly disk: string;
  readonly compression: "gzip" | "zstd" | "none";
  /** Default: fast. */
  readonly level?: number | undefined;
  /** Begins the errors: `cannot copy`. */
  readonly doing: string;
  readonly limits?: UnpackLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface MadeLayer {
  /** 0: nothing is in it. */
  readonly entries: number;
  /** `sha256:…` of the archive before compression. */
  readonly diffId: string;
  /** `sha256:…` of the blob, and its bytes. */
  readonly digest: string;
  readonly size: number;
  readonly uncompressedBytes: number;
  readonly privilegedFiles: number;
}

/**
 * Makes a layer once: its blob and the disk that boots, in one pass, in two workers.
 *
 * Both files are complete and flushed when this resolves; naming them for good is the caller's. Same
 * content, same bytes.
 *
 * @throws {CtrError} `bad-data` if a file changed meanwhile or a disk is damaged, `too-large`, `no-space`;
 *   what `signal` was aborted with. Neither file is there then.
 */
export async function makeLayer(options: MakeLayerOptions): Promise<MadeLayer> {
  options.signal?.throwIfAborted();
  const files = [options.blob, options.disk];
  try {
    for (const path of files) {
      (await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 })).close();
    }
    return await runWorkers(options);
  } catch (error) {
    for (const path of files) await Deno.remove(path).catch(() => {});
    throw error;
  }
}

async function runWorkers(options: MakeLayerOptions): Promise<MadeLayer> {
  const { content, blob, disk, compression, level, doing, signal } = options;
  const maker = takeWorker();
  const squeezer = takeWorker();
  const { port1, port2 } = new MessageChannel();
  const written = Promise.withResolvers<Written & { uncompressedBytes: number }>();
  const compressed = Promise.withResolvers<Compressed>();
  const both = Promise.all([written.promise, compressed.promise]);
  both.catch(() => {}); // awaited below
  const fail = (error: unknown) => {
    written.reject(error);
    compressed.reject(error);
  };
  const onAbort = () => fail(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  maker.onevent = squeezer.onevent = (event) => {
    if (event.event === "failed") fail(fromFailure(doing, event.failure));
    else if (event.event === "layered") written.resolve(event.result);
    else if (event.event === "compressed") compressed.resolve(event.result);
  };
  let sound = false;
  try {
    squeezer.post({ job: "compress", blob, compression, level, port: port2 }, [port2]);
    const limits = withDefaults(options.limits);
    maker.post({ job: "layer", content, disk, limits, port: port1 }, [port1]);
    const [layer, { digest, size }] = await both;
    sound = true;
    const { entries, diffId, uncompressedBytes, privilegedFiles } = layer;
    return { entries, diffId, digest, size, uncompressedBytes, privilegedFiles };
  } finally {
    signal?.removeEventListener("abort", onAbort);
    for (const worker of [maker, squeezer]) {
      if (sound) giveBack(worker);
      else worker.end();
    }
  }
}
