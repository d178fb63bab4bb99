/** The first half of a layer, in its worker: digest of what comes, inflate, hand on in large buffers. */
import { createHash } from "node:crypto";
import { CtrError, formatSize } from "../core/mod.ts";
import { BufferQueue } from "./buffer_queue.ts";
import { type Decompressor, decompressor, sniff } from "./decompressor.ts";
import type { Decoded, DecodeJob } from "./protocol.ts";

const READ = 1 << 18;

export class DecodeJobRun {
  readonly #job: DecodeJob;
  readonly #hash = createHash("sha256");
  readonly #buffers: BufferQueue;
  #decompressor: Decompressor | undefined;
  #compressed = 0;
  #uncompressed = 0;
  #head = new Uint8Array(0);

  constructor(job: DecodeJob) {
    this.#job = job;
    this.#buffers = new BufferQueue(job.port);
  }

  /** Takes compressed bytes; resolves when they are used up. */
  async push(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#compressed += bytes.length;
    if (this.#decompressor) return await this.#decompressor.push(bytes);
    if (this.#head.length > 0) {
      const joined = new Uint8Array(this.#head.length + bytes.length);
      joined.set(this.#head);
      joined.set(bytes, this.#head.length);
      bytes = joined;
    }
    if (bytes.length < 4) {
      this.#head = bytes.slice();
      return;
    }
    await this.#start(bytes);
  }

  async finish(): Promise<Decoded> {
    if (!this.#decompressor) await this.#start(this.#head);
    await this.#decompressor!.end();
    this.#buffers.end();
    return {
      digest: `sha256:${this.#hash.digest("hex")}`,
      compressedBytes: this.#compressed,
      uncompressedBytes: this.#uncompressed,
    };
  }

  /** Reads the job's file to its end. */
  async readFile(path: string, onTaken: (bytes: number) => void): Promise<void> {
    using file = Deno.openSync(path, { read: true });
    const buffer = new Uint8Array(READ);
    for (let n = file.readSync(buffer); n !== null; n = file.readSync(buffer)) {
      await this.push(buffer.subarray(0, n));
      onTaken(n);
    }
  }

  async #start(head: Uint8Array): Promise<void> {
    const found = sniff(head);
    const { compression } = this.#job;
    if (compression !== "auto" && compression !== found && compression !== "none") {
      throw new CtrError("bad-data", `the layer is not ${compression} as it should be`);
    }
    this.#decompressor = decompressor(
      compression === "auto" ? found : compression,
      (bytes) => this.#take(bytes),
    );
    await this.#decompressor.push(head);
  }

  #take(bytes: Uint8Array): Promise<void> | undefined {
    this.#uncompressed += bytes.length;
    if (this.#uncompressed > this.#job.maxUncompressedBytes) {
      throw new CtrError(
        "too-large",
        `the layer expands to more than ${formatSize(this.#job.maxUncompressedBytes)}`,
      );
    }
    return this.#buffers.put(bytes);
  }
}
