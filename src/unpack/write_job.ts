/** The second half of a layer, in its worker: diff ID, tar, ext4, flush. */
import { createHash } from "node:crypto";
import { EarlyFlush } from "./early_flush.ts";
import { LayerDisk } from "./layer_disk.ts";
import type { PortMessage, WriteJob, Written } from "./protocol.ts";

/** Takes what `job.port` brings until its end, and hands every buffer back. */
export function runWriteJob(job: WriteJob): Promise<Written> {
  const { promise, resolve, reject } = Promise.withResolvers<Written>();
  const file = Deno.openSync(job.disk, { write: true });
  const flush = new EarlyFlush(job.disk);
  const hash = createHash("sha256");
  const layer = new LayerDisk(file, job.limits, job.plain);
  job.port.onmessage = ({ data }: MessageEvent<PortMessage>) => {
    try {
      if (data !== "end") {
        const bytes = new Uint8Array(data.buffer, 0, data.length);
        hash.update(bytes);
        layer.push(bytes);
        flush.wrote(bytes.length);
        job.port.postMessage(data.buffer, [data.buffer]);
        return;
      }
      const digest = hash.digest();
      // The disk's UUID follows from the layer, so that the same layer is the same disk everywhere.
      const { blocks, sizeBytes } = layer.finish(digest.subarray(0, 16));
      file.syncSync();
      resolve({
        diffId: `sha256:${digest.toString("hex")}`,
        entries: layer.entries,
        privilegedFiles: layer.privilegedFiles,
        blocks,
        sizeBytes,
      });
    } catch (error) {
      reject(error);
    }
  };
  return promise.finally(() => {
    job.port.close();
    flush[Symbol.dispose]();
    file.close();
  });
}
