import { createHash } from "node:crypto";
import { CtrError, isCtrError } from "../core/mod.ts";
import type { Reference } from "../oci/mod.ts";
import type { Registry } from "../registry/mod.ts";
import { type BlobSize, type ContentStore, writeAll } from "./content.ts";
import { fileSize, removeIfThere } from "./paths.ts";

/** Pieces this large keep the cost per message to a worker, and per write, out of sight. */
const PIECE = 1024 * 1024;

export interface FetchOptions {
  readonly reference: Reference;
  readonly scheme?: "auto" | "http" | "https" | undefined;
  readonly signal: AbortSignal;
  /** Bytes that are here so far. */
  readonly onBytes: (bytes: number) => void;
  /**
   * Reads the blob as it comes and checks its digest: it throws if the digest does not hold, and
   * returns only after the last byte. The pieces are its own to keep.
   */
  readonly tee?: (bytes: AsyncIterable<Uint8Array>) => Promise<void>;
}

/**
 * Fetches a blob into the store, and hands it on while it comes. The caller holds the blob's lock.
 *
 * A connection that breaks for good leaves `ingest/<hex>.partial`, where the next pull goes on.
 */
export async function fetchBlob(
  content: ContentStore,
  registry: Pick<Registry, "blob"> & Partial<Pick<Registry, "mayMirror" | "distrustMirrors">>,
  blob: BlobSize,
  options: FetchOptions,
): Promise<void> {
  const partial = content.paths.partial(blob.digest);
  const present = await fileSize(partial) ?? 0;
  const offset = present <= blob.size ? present : 0;
  const mirrored = registry.mayMirror?.(options.reference) ?? false;
  try {
    await fetchFrom(content, registry, blob, offset, options);
  } catch (error) {
    if (mayResume(error)) throw error;
    await removeIfThere(partial);
    if (!isCtrError(error, "bad-data")) throw error;
    // The bytes from last time, or a mirror's, may be what is wrong, and the registry may be right.
    if (offset === 0 && !mirrored) throw error;
    registry.distrustMirrors?.(options.reference);
    try {
      await fetchFrom(content, registry, blob, 0, options);
    } catch (again) {
      if (!mayResume(again)) await removeIfThere(partial);
      throw again;
    }
  }
}

function mayResume(error: unknown): boolean {
  const cancelled = error instanceof DOMException && error.name === "AbortError";
  return cancelled || isCtrError(error, "unavailable") || isCtrError(error, "timeout") ||
    isCtrError(error, "cancelled") || isCtrError(error, "denied");
}

async function fetchFrom(
  content: ContentStore,
  registry: Pick<Registry, "blob">,
  blob: BlobSize,
  offset: number,
  options: FetchOptions,
): Promise<void> {
  const { reference, scheme } = options;
  // Ended when the reader fails, so that a stalled connection does not keep the error back.
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const source = await registry.blob(reference, blob, { scheme, signal, offset });
  const partial = content.paths.partial(blob.digest);
  const file = await Deno.open(partial, { read: true, write: true, create: true, mode: 0o600 });
  let flushed: Promise<void> | undefined;
  try {
    await file.truncate(offset);
    const written = async function* () {
      let at = 0;
      for await (const piece of joined(readPieces(file, offset), inPieces(source))) {
        if (at >= offset) await writeAll(file, piece);
        at += piece.length;
        options.onBytes(at);
        yield piece;
      }
      // Flushed while the reader is still busy with the last pieces.
      flushed = file.sync();
      flushed.catch(() => {});
    };
    await (options.tee ?? ((bytes) => checkDigest(bytes, blob)))(written());
    if (flushed === undefined) {
      throw new CtrError(
        "bad-data",
        `cannot use blob ${blob.digest.slice(0, 19)}: bytes are left over`,
      );
    }
    await flushed;
  } finally {
    stop.abort();
    await source.return(undefined).catch(() => {});
    await flushed?.catch(() => {});
    file.close();
  }
  await content.publish(partial, blob.digest);
}

async function* joined<T>(...parts: AsyncIterable<T>[]): AsyncGenerator<T> {
  for (const part of parts) yield* part;
}

/** The first `length` bytes of `file`; the position is behind them when this ends. */
async function* readPieces(file: Deno.FsFile, length: number): AsyncGenerator<Uint8Array> {
  await file.seek(0, Deno.SeekMode.Start);
  for (let at = 0; at < length;) {
    const piece = new Uint8Array(Math.min(PIECE, length - at));
    const got = await file.read(piece);
    if (got === null) throw new CtrError("bad-data", "cannot go on with a download: it was cut");
    at += got;
    yield piece.subarray(0, got);
  }
}

/** Collects small chunks. Each piece has a buffer of its own, so that it can be given away. */
async function* inPieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let piece = new Uint8Array(PIECE);
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + PIECE - filled);
      piece.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < PIECE) continue;
      yield piece;
      piece = new Uint8Array(PIECE);
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** Reads all and compares. @throws {CtrError} `bad-data`. */
export async function checkDigest(
  bytes: AsyncIterable<Uint8Array>,
  { digest }: BlobSize,
): Promise<void> {
  const hash = createHash("sha256");
  for await (const piece of bytes) hash.update(piece);
  if (`sha256:${hash.digest("hex")}` === digest) return;
  throw new CtrError(
    "bad-data",
    `cannot use blob ${digest.slice(0, 19)}: the registry sent bytes with another digest`,
  );
}
