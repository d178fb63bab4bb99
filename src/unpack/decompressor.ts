/**
 * Decompression of pushed bytes. `node:zlib`, not `DecompressionStream`: that one has no zstd, refuses gzip
 * of several members, and took twice the time.
 */
import { Buffer } from "node:buffer";
import { createGunzip, createZstdDecompress, zstdDecompressSync } from "node:zlib";
import { CtrError } from "../core/mod.ts";
import { directGunzip } from "./direct_zlib.ts";
import type { Compression } from "./types.ts";
import { ZstdFrames } from "./zstd_frames.ts";

/** Decompressed bytes come in pieces of at most this. */
const PIECE = 1048576;
/** A frame this small, compressed and not, is done in one call, without a stream of its own. */
const SMALL_FRAME = 1 << 19;
const SMALL_OUTPUT = 1 << 22;

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
  if (compression === "gzip") return directGunzip(sink) ?? zlibStream("gzip", sink);
  if (compression === "zstd") return zstdStream(sink);
  return { push: async (bytes) => await sink(bytes), end: () => Promise.resolve() };
}

function zstdStream(sink: Sink): Decompressor {
  const frames = new ZstdFrames();
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let stream: Decompressor | undefined;
  const openStream = async (): Promise<Decompressor> => {
    const opened = zlibStream("zstd", sink);
    for (const bytes of held.splice(0)) await opened.push(bytes);
    return opened;
  };
  return {
    async push(chunk) {
      for (const { bytes, ends } of frames.cut(chunk)) {
        if (stream) {
          await stream.push(bytes);
        } else {
          held.push(ends ? bytes : bytes.slice()); // the chunk may be filled anew before the frame ends
          heldBytes += bytes.length;
          if (!ends && heldBytes > SMALL_FRAME) stream = await openStream();
        }
        if (!ends) continue;
        if (!stream) {
          const small = heldBytes <= SMALL_FRAME ? smallFrame(Buffer.concat(held)) : undefined;
          if (small) await sink(small);
          else stream = await openStream();
        }
        await stream?.end();
        stream = undefined;
        held = [];
        heldBytes = 0;
      }
    },
    end() {
      return frames.whole
        ? Promise.resolve()
        : Promise.reject(new CtrError("bad-data", "the zstd stream is damaged or cut off"));
    },
  };
}

/** A whole frame's content, or `undefined` if it is large: a small frame may expand to gigabytes. */
function smallFrame(frame: Uint8Array): Uint8Array | undefined {
  try {
    return zstdDecompressSync(frame, { maxOutputLength: SMALL_OUTPUT });
  } catch {
    return undefined; // too large or damaged: the stream will tell
  }
}

/** The documented way: zstd's, and gzip's where {@linkcode directGunzip} cannot be had. */
export function zlibStream(compression: "gzip" | "zstd", sink: Sink): Decompressor {
  const stream = compression === "gzip"
    ? createGunzip({ chunkSize: PIECE })
    : createZstdDecompress({ chunkSize: PIECE });
  // Whoever waits, and what went wrong while nobody did. Not a promise that all would race against: it
  // would remember every one of them.
  let waiting: PromiseWithResolvers<void> | undefined;
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown) => {
    failure ??= { error };
    waiting?.reject(failure.error);
    stream.destroy();
  };
  const wait = (): Promise<void> => {
    waiting = Promise.withResolvers<void>();
    if (failure) waiting.reject(failure.error);
    return waiting.promise;
  };
  // Padding behind the last member ends the stream early, and then no write is ever answered.
  let ended = false;
  stream.once("end", () => {
    ended = true;
    waiting?.resolve();
  });
  stream.on("error", (cause: Error) => {
    fail(new CtrError("bad-data", `the ${compression} stream is damaged or cut off`, { cause }));
  });
  stream.on("data", (bytes: Uint8Array) => {
    try {
      const pause = sink(bytes);
      if (pause === undefined) return;
      stream.pause();
      pause.then(() => stream.resume(), fail);
    } catch (error) {
      fail(error);
    }
  });
  return {
    push(bytes) {
      const done = wait();
      if (ended) waiting!.resolve();
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      if (!failure && !ended) stream.write(view, () => waiting!.resolve());
      return done;
    },
    end() {
      const done = wait();
      if (ended) waiting!.resolve();
      else if (!failure) stream.end();
      return done;
    },
  };
}
