/**
 * Compression of pushed bytes. gzip goes through the synchronous call under `node:zlib`'s stream, see
 * `direct_zlib.ts`: it takes half the time. Same bytes in, however they are cut, same bytes out.
 */
import { constants, createGzip, createZstdCompress } from "node:zlib";
import { directGzip } from "./direct_zlib.ts";

export interface Compressor {
  /** Resolves when the bytes are used up. */
  push(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

/** What measures best for layers that are made while somebody waits. */
export const FAST_LEVEL = { gzip: 1, zstd: 1, none: 0 } as const;

export function compressor(
  compression: "gzip" | "zstd" | "none",
  level: number | undefined,
  write: (bytes: Uint8Array) => void,
): Compressor {
  const chosen = level ?? FAST_LEVEL[compression];
  switch (compression) {
    case "none":
      return {
        push: (bytes) => Promise.resolve(write(bytes)),
        end: () => Promise.resolve(),
      };
    case "gzip":
      return directGzip(Math.min(chosen, 9), write) ??
        streamed(createGzip({ level: Math.min(chosen, 9) }), write);
    case "zstd":
      return streamed(
        createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: chosen } }),
        write,
      );
  }
}

/** Pieces are copied: the stream keeps them for a while, and their buffers go back. */
function streamed(
  stream: ReturnType<typeof createGzip> | ReturnType<typeof createZstdCompress>,
  write: (bytes: Uint8Array) => void,
): Compressor {
  let failure: unknown;
  const ended = new Promise<void>((resolve, reject) => {
    stream.on("data", (bytes: Uint8Array) => {
      try {
        write(bytes);
      } catch (error) {
        stream.destroy(error as Error);
      }
    });
    stream.on("end", resolve);
    stream.on("error", (error: unknown) => {
      failure = error;
      reject(error);
    });
  });
  ended.catch(() => {}); // `push` or `end` tells of it
  return {
    async push(bytes) {
      if (failure !== undefined) throw failure;
      if (stream.write(bytes.slice())) return;
      await new Promise<void>((resolve, reject) => {
        stream.once("drain", resolve);
        ended.catch(reject);
      });
    },
    async end() {
      stream.end();
      await ended;
    },
  };
}
