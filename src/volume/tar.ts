/** A volume's content to a tar archive and back. */
import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { CtrError, formatSize, isCtrError } from "../core/mod.ts";
import { cleanPath } from "../ext4/mod.ts";
import { TAR_END, type TarEntry, tarHeader, tarPadding, TarReader } from "../tar/mod.ts";
import { type EntrySink, pause, type VolumeEntry } from "./entries.ts";

const ZEROS = new Uint8Array(1 << 18);
const MOST_ENTRIES = 20_000_000;

/** Pieces are valid until the next one is asked for. Sockets are left out: an archive has none. */
export async function* tarOf(entries: Iterable<VolumeEntry>): AsyncGenerator<Uint8Array> {
  let count = 0;
  for (const { entry, pieces } of entries) {
    if (entry.type === "socket") continue;
    const { path, type, atime: _atime, atimeNs: _atimeNs, ...rest } = entry;
    yield tarHeader({ ...rest, type, path: path === "" ? "./" : `./${path}`, ...linkOf(entry) });
    for (const piece of pieces()) {
      if (typeof piece !== "number") yield piece;
      else {
        for (let left = piece; left > 0; left -= ZEROS.length) {
          yield left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS;
        }
      }
    }
    if (type === "file") yield tarPadding(entry.size);
    if (++count % 200 === 0) await pause();
  }
  yield TAR_END;
}

function linkOf({ type, linkTarget }: VolumeEntry["entry"]): { linkTarget: string } {
  return { linkTarget: type === "hardlink" ? `./${linkTarget}` : linkTarget };
}

export interface TarLimit {
  /** Of all files together. */
  readonly bytes: number;
  /** Begins errors: `cannot import into volume "x"`. */
  readonly doing: string;
}

/**
 * Reads an archive, plain or compressed with gzip or zstd, into `sink`.
 *
 * @throws {CtrError} `bad-data` if it is no archive or would leave the volume, `no-space` over the limit.
 */
export async function readTarInto(
  source: AsyncIterable<Uint8Array>,
  sink: EntrySink,
  limit: TarLimit,
): Promise<void> {
  try {
    await readInto(source, sink, limit);
  } catch (cause) {
    if (!isCtrError(cause) || !READER.test(cause.message)) throw cause;
    const fact = cause.message.replace(READER, "");
    throw new CtrError(cause.code, `${limit.doing}: ${fact}`, { hint: cause.hint, cause });
  }
}

/** How the errors of those begin who do not know what the archive is for. */
const READER = /^(read tar|write ext4|cannot read the archive): /;

async function readInto(
  source: AsyncIterable<Uint8Array>,
  sink: EntrySink,
  limit: TarLimit,
): Promise<void> {
  let bytes = 0;
  let entries = 0;
  const reader = new TarReader({
    entry: (entry: TarEntry) => {
      const path = cleanPath(entry.path);
      const isFile = entry.type === "file";
      if ((bytes += isFile ? entry.size : 0) > limit.bytes || ++entries > MOST_ENTRIES) {
        throw new CtrError(
          "no-space",
          `${limit.doing}: the archive's files need more than the ${
            formatSize(limit.bytes)
          } of the volume`,
        );
      }
      const { atime, atimeNs, ...rest } = entry;
      sink.add({
        ...rest,
        path,
        linkTarget: entry.type === "hardlink" ? cleanPath(entry.linkTarget) : entry.linkTarget,
        ...(atime !== undefined && { atime, atimeNs }),
      });
    },
    data: (piece) => sink.write(piece),
    hole: (length) => sink.hole(length),
  });
  let taken = 0;
  for await (const piece of plain(source)) {
    reader.push(piece);
    if ((taken += piece.length) >= 4 << 20) {
      taken = 0;
      await pause();
    }
  }
  if (entries === 0 && !reader.ended) {
    throw new CtrError("bad-data", `${limit.doing}: what was given is empty, not an archive`);
  }
  reader.finish();
}

async function* plain(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let head = new Uint8Array(0);
  while (head.length < 6) {
    const { done, value } = await iterator.next();
    if (done) break;
    const both = new Uint8Array(head.length + value.length);
    both.set(head);
    both.set(value, head.length);
    head = both;
  }
  const rest = async function* () {
    if (head.length > 0) yield head;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      yield next.value;
    }
  };
  const begins = (...magic: number[]) => magic.every((byte, at) => head[at] === byte);
  if (begins(0x1f, 0x8b)) yield* inflated(rest(), createGunzip());
  else if (begins(0x28, 0xb5, 0x2f, 0xfd)) yield* inflated(rest(), createZstdDecompress());
  else if (begins(0xfd, 0x37, 0x7a, 0x58) || begins(0x42, 0x5a, 0x68)) {
    throw new CtrError("unsupported", "cannot read the archive: xz and bzip2 are not known", {
      hint: "decompress it first",
    });
  } else yield* rest();
}

async function* inflated(
  source: AsyncGenerator<Uint8Array>,
  through: ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>,
): AsyncGenerator<Uint8Array> {
  const input = Readable.from(source);
  let failure: unknown;
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
