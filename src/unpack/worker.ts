/**
 * The worker's program: a job at a time, begun by a message and ended by `decoded`, `written`,
 * `packed`, `layered`, `compressed`, `digested` or `failed`.
 * After a failure the main thread ends the worker, so nothing has to be put right here.
 *
 * A module of its own, because a bundle holds it as a file of its own.
 */
/// <reference lib="deno.worker" />
import { DecodeJobRun } from "./decode_job.ts";
import { runDigestJob } from "./digest_job.ts";
import { runExtractJob } from "./extract_job.ts";
import { toFailure } from "./failures.ts";
import { runCompressJob } from "./compress_job.ts";
import { runLayerJob } from "./layer_job.ts";
import { runMergeJob } from "./merge_job.ts";
import { runPackJob } from "./pack_job.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";
import { runWriteJob } from "./write_job.ts";

// Typed by hand: the library of workers and that of windows cannot both be loaded.
const self = globalThis as unknown as {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
};

let decoding: DecodeJobRun | undefined;
/** Chunks are used one after another, however fast they come. */
let before: Promise<void> = Promise.resolve();

self.onmessage = ({ data }) => {
  before = before.then(() => handle(data)).catch((error: unknown) => {
    self.postMessage({ event: "failed", failure: toFailure(error) });
  });
};

async function handle(message: ToWorker): Promise<void> {
  switch (message.job) {
    case "decode":
      decoding = new DecodeJobRun(message);
      if (message.path === undefined) return;
      await decoding.readFile(message.path, (bytes) => self.postMessage({ event: "taken", bytes }));
      return await finishDecoding();
    case "chunk":
      await decoding!.push(new Uint8Array(message.buffer, 0, message.length));
      return self.postMessage(
        { event: "taken", bytes: message.length, buffer: message.buffer },
        [message.buffer],
      );
    case "end":
      return await finishDecoding();
    case "write":
      return self.postMessage({ event: "written", result: await runWriteJob(message) });
    case "merge":
      return self.postMessage({ event: "written", result: runMergeJob(message) });
    case "extract": {
      const { entries, skipped } = runExtractJob(message);
      return self.postMessage({ event: "extracted", result: { entries, skipped } });
    }
    case "digest": {
      const digests = runDigestJob(message);
      return self.postMessage({ event: "digested", digests }, [digests.buffer]);
    }
    case "layer":
      return self.postMessage({ event: "layered", result: await runLayerJob(message) });
    case "compress":
      return self.postMessage({ event: "compressed", result: await runCompressJob(message) });
    case "pack":
      return self.postMessage({ event: "packed", result: await runPackJob(message) });
  }
}

async function finishDecoding(): Promise<void> {
  const result = await decoding!.finish();
  decoding = undefined;
  self.postMessage({ event: "decoded", result });
}
