/** A layer's archive once more, with times cut down: what makes layers independent of the day of their build. */
import { CtrError, formatSize } from "../core/mod.ts";
import { TAR_END, type TarEntry, tarHeader, tarPadding, TarReader } from "../tar/mod.ts";
import { decompressor, sniff } from "./decompressor.ts";
import type { LayerStream } from "./layer_stream.ts";
import type { Limits } from "./protocol.ts";

const READ = 1 << 18;
const ZEROS = new Uint8Array(1 << 18);

export async function rewriteArchive(
  path: string,
  latestMtime: number | undefined,
  stream: LayerStream,
  limits: Limits,
): Promise<void> {
  using file = Deno.openSync(path, { read: true });
  const rewriter = new Rewriter(latestMtime, limits);
  const put = async (pieces: Iterable<Uint8Array>) => {
    for (const piece of pieces) {
      const wait = stream.put(piece);
      if (wait) await wait;
    }
  };
  const buffer = new Uint8Array(READ);
  let got = file.readSync(buffer);
  const through = decompressor(
    sniff(buffer.subarray(0, got ?? 0)),
    (bytes) => put(rewriter.push(bytes)),
  );
  for (; got !== null; got = file.readSync(buffer)) await through.push(buffer.subarray(0, got));
  await through.end();
  await put(rewriter.end());
}

class Rewriter {
  readonly #latest: number | undefined;
  readonly #limits: Limits;
  readonly #reader: TarReader;
  /** What the last piece has become. Its parts are valid as long as that piece is. */
  #pieces: Uint8Array[] = [];
  #padding: Uint8Array | undefined;
  #bytes = 0;

  constructor(latest: number | undefined, limits: Limits) {
    this.#latest = latest;
    this.#limits = limits;
    this.#reader = new TarReader({
      entry: (entry) => this.#entry(entry),
      data: (bytes) => this.#pieces.push(bytes),
      hole: (length) => this.#hole(length),
    });
  }

  push(bytes: Uint8Array): readonly Uint8Array[] {
    this.#count(bytes.length);
    this.#pieces = [];
    this.#reader.push(bytes);
    return this.#pieces;
  }

  end(): readonly Uint8Array[] {
    this.#reader.finish();
    this.#pieces = [];
    this.#pad();
    return [...this.#pieces, TAR_END];
  }

  #entry(entry: TarEntry): void {
    this.#pad();
    const late = this.#latest !== undefined && entry.mtime >= this.#latest;
    this.#pieces.push(tarHeader({
      ...entry,
      mtime: late ? this.#latest : entry.mtime,
      mtimeNs: late ? 0 : entry.mtimeNs,
      ...(this.#latest !== undefined && { atime: undefined, ctime: undefined }),
    }));
    this.#padding = tarPadding(entry.size);
  }

  #pad(): void {
    if (this.#padding) this.#pieces.push(this.#padding);
    this.#padding = undefined;
  }

  #hole(length: number): void {
    this.#count(length);
    for (let left = length; left > 0; left -= ZEROS.length) {
      this.#pieces.push(left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS);
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#limits.maxUncompressedBytes) return;
    throw new CtrError(
      "too-large",
      `the layer expands to more than ${formatSize(this.#limits.maxUncompressedBytes)}`,
    );
  }
}
