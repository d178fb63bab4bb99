/**
 * Decompression of pushed bytes. `node:zlib`, not `DecompressionStream`: that one has no zstd, refuses gzip
 * of several members, and took twice the time.
 */
import { Buffer } from "node:buffer";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { CtrError } from "../core/mod.ts";
import type { Compression } from "./types.ts";

const PIECE = 1 << 20;

/** Where decompressed bytes go. A promise asks to wait. */
export type Sink = (bytes: Uint8Array) => Promise<void> | undefined;

export interface Decompressor {
  /** Resolves when the bytes are used up and more may come. */
  push(bytes: Uint8Array): Promise<void>;
  /** @throws {CtrError} `bad-data` if the stream is cut off. */
  end(): Promise<void>;
}

/** What the first bytes of a layer say. Four bytes suffice. */
export function sniff(bytes: Uint8Array): Exclude<Compression, "auto"> {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return "gzip";
  if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd) {
    return "zstd";
  }
  // A skippable frame may lead a zstd stream.
  if (bytes[0]! >> 4 === 0x5 && bytes[1] === 0x2a && bytes[2] === 0x4d && bytes[3] === 0x18) {
    return "zstd";
  }
  return "none";
}

export function decompressor(compression: Exclude<Compression, "auto">, sink: Sink): Decompressor {
  if (compression === "none") {
    return { push: async (bytes) => await sink(bytes), end: () => Promise.resolve() };
  }
  const stream = compression === "gzip"
    ? createGunzip({ chunkSize: PIECE })
    : createZstdDecompress({ chunkSize: PIECE });
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {}); // seen by whoever pushes next
  stream.on("error", (cause: Error) => {
    failed.reject(
      new CtrError("bad-data", `the ${compression} stream is damaged or cut off`, { cause }),
    );
  });
  stream.on("data", (bytes: Uint8Array) => {
    let wait: Promise<void> | undefined;
    try {
      wait = sink(bytes);
    } catch (error) {
      failed.reject(error);
      stream.destroy();
      return;
    }
    if (wait === undefined) return;
    stream.pause();
    wait.then(() => stream.resume(), failed.reject);
  });
  const ended = new Promise<void>((resolve) => stream.once("end", resolve));
  return {
    push: (bytes) =>
      Promise.race([
        new Promise<void>((resolve) => {
          const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
          stream.write(view, () => resolve());
        }),
        failed.promise,
      ]),
    end: () => {
      stream.end();
      return Promise.race([ended, failed.promise]);
    },
  };
}
