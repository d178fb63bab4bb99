/** The second half of a new layer, in its worker: compress, count, write the blob, flush. */
import { createHash } from "node:crypto";
import { type Compressor, compressor } from "./compressor.ts";
import { EarlyFlush } from "./early_flush.ts";
import type { Compressed, CompressJob, PortMessage } from "./protocol.ts";

/** Takes what `job.port` brings until its end, and hands every buffer back. */
export function runCompressJob(job: CompressJob): Promise<Compressed> {
  const { promise, resolve, reject } = Promise.withResolvers<Compressed>();
  const file = Deno.openSync(job.blob, { write: true });
  const flush = new EarlyFlush(job.blob);
  const hash = createHash("sha256");
  let size = 0;
  const write = (bytes: Uint8Array) => {
    hash.update(bytes);
    size += bytes.length;
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    flush.wrote(bytes.length);
  };
  const through: Compressor = compressor(job.compression, job.level, write);
  let before: Promise<void> = Promise.resolve();
  const take = async (data: PortMessage) => {
    if (data === "end") {
      await through.end();
      file.syncSync();
      return resolve({ digest: `sha256:${hash.digest("hex")}`, size });
    }
    await through.push(new Uint8Array(data.buffer, 0, data.length));
    job.port.postMessage(data.buffer, [data.buffer]);
  };
  job.port.onmessage = ({ data }: MessageEvent<PortMessage>) => {
    before = before.then(() => take(data)).catch(reject);
  };
  return promise.finally(() => {
    job.port.close();
    flush[Symbol.dispose]();
    file.close();
  });
}
