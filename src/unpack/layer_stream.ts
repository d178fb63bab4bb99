/**
 * A layer's archive as it comes into being. Buffers are filled in place, counted, given to the disk and
 * handed on to the compressor, so that content is copied by nobody.
 */
import { createHash } from "node:crypto";
import type { EarlyFlush } from "./early_flush.ts";
import type { LayerDisk } from "./layer_disk.ts";

const BUFFER = 1 << 20;
/** Buffers that the compressor may hold before this side waits. */
const AHEAD = 4;

export class LayerStream {
  readonly #port: MessagePort;
  readonly #disk: LayerDisk;
  readonly #flush: EarlyFlush;
  readonly #hash = createHash("sha256");
  readonly #idle: ArrayBuffer[] = [];
  #buffer = new Uint8Array(BUFFER);
  #length = 0;
  #away = 0;
  #wake: (() => void) | undefined;
  bytes = 0;

  constructor(port: MessagePort, disk: LayerDisk, flush: EarlyFlush) {
    this.#port = port;
    this.#disk = disk;
    this.#flush = flush;
    port.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      this.#idle.push(data);
      this.#away--;
      this.#wake?.();
      this.#wake = undefined;
    };
  }

  /** Where bytes may be put, at least one. What was put is told by `filled` before the next call. */
  room(): Uint8Array {
    return this.#buffer.subarray(this.#length);
  }

  /** @returns What to wait for before more may come; undefined if there is room. */
  filled(bytes: number): Promise<void> | undefined {
    this.#length += bytes;
    return this.#length === BUFFER ? this.#send() : undefined;
  }

  /** Copies the bytes. @returns As `filled`. */
  put(bytes: Uint8Array): Promise<void> | undefined {
    if (bytes.length < BUFFER - this.#length) {
      this.#buffer.set(bytes, this.#length);
      this.#length += bytes.length;
      return undefined;
    }
    return this.#putPieces(bytes);
  }

  /** @returns The digest of all bytes: the diff ID, raw. */
  async end(): Promise<Uint8Array> {
    await this.#send();
    this.#port.postMessage("end");
    return this.#hash.digest();
  }

  async #putPieces(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const room = this.room();
      const take = Math.min(room.length, bytes.length - at);
      room.set(bytes.subarray(at, at + take));
      at += take;
      const wait = this.filled(take);
      if (wait) await wait;
    }
  }

  async #send(): Promise<void> {
    const bytes = this.#buffer.subarray(0, this.#length);
    if (bytes.length === 0) return;
    this.#hash.update(bytes);
    this.#disk.push(bytes);
    this.#flush.wrote(bytes.length);
    this.bytes += bytes.length;
    const { buffer } = this.#buffer;
    this.#port.postMessage({ buffer, length: this.#length }, [buffer]);
    this.#away++;
    while (this.#away >= AHEAD) await new Promise<void>((resolve) => this.#wake = resolve);
    this.#buffer = new Uint8Array(this.#idle.pop() ?? new ArrayBuffer(BUFFER));
    this.#length = 0;
  }
}
