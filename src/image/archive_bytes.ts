import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { CtrError, formatSize } from "../core/mod.ts";

const PIECE = 1024 * 1024;

/** Reads a file in pieces, each in a buffer of its own. */
export async function* fileBytes(path: string): AsyncGenerator<Uint8Array> {
  using file = await Deno.open(path, { read: true });
  for (;;) {
    const piece = new Uint8Array(PIECE);
    const got = await file.read(piece);
    if (got === null) return;
    yield piece.subarray(0, got);
  }
}

/**
 * Decompresses an archive if its first bytes say gzip or zstd.
 *
 * @param limit Most bytes that come out, so that a small bomb does not fill the disk.
 * @throws {CtrError} `too-large` over `limit`, `bad-data`, `unsupported` for xz and bzip2.
 */
export async function* plainArchive(
  source: AsyncIterable<Uint8Array>,
  limit: number,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  const head = await firstBytes(iterator, 6);
  const rest = joined(head, iterator);
  let total = 0;
  for await (const piece of decompressed(head, rest)) {
    total += piece.length;
    if (total > limit) {
      throw new CtrError(
        "too-large",
        `cannot read the archive: it has more than ${formatSize(limit)}`,
      );
    }
    yield piece;
  }
}

function decompressed(
  head: Uint8Array,
  source: AsyncGenerator<Uint8Array>,
): AsyncIterable<Uint8Array> {
  if (startsWith(head, [0x1f, 0x8b])) return inflated(source, createGunzip());
  if (startsWith(head, [0x28, 0xb5, 0x2f, 0xfd])) return inflated(source, createZstdDecompress());
  if (startsWith(head, [0xfd, 0x37, 0x7a, 0x58]) || startsWith(head, [0x42, 0x5a, 0x68])) {
    throw new CtrError("unsupported", "cannot read the archive: xz and bzip2 are not known", {
      hint: "decompress it first",
    });
  }
  return source;
}

async function* inflated(
  source: AsyncGenerator<Uint8Array>,
  through: ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>,
): AsyncGenerator<Uint8Array> {
  let failure: unknown;
  const input = Readable.from(source);
  input.on("error", (error) => {
    failure = error;
    through.destroy(error);
  });
  try {
    for await (const piece of input.pipe(through)) yield piece as Uint8Array;
  } catch (cause) {
    if (failure !== undefined) throw failure;
    throw new CtrError("bad-data", "cannot read the archive: it is compressed, and damaged", {
      cause,
    });
  } finally {
    input.destroy();
    through.destroy();
  }
}

async function firstBytes(iterator: AsyncIterator<Uint8Array>, least: number): Promise<Uint8Array> {
  let head = new Uint8Array(0);
  while (head.length < least) {
    const { done, value } = await iterator.next();
    if (done) break;
    const both = new Uint8Array(head.length + value.length);
    both.set(head);
    both.set(value, head.length);
    head = both;
  }
  return head;
}

async function* joined(
  head: Uint8Array,
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    if (head.length > 0) yield head;
    for (;;) {
      const { done, value } = await iterator.next();
      if (done) return;
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}

export function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}
