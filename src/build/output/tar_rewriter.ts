/** An archive below another folder, with times cut down. Without its end mark, so that another may follow. */
import { type TarEntry, tarHeader, tarPadding, TarReader } from "../../tar/mod.ts";

const ZEROS = new Uint8Array(1 << 18);

export class TarRewriter {
  readonly #folder: string;
  readonly #latest: number | undefined;
  readonly #reader: TarReader;
  #pieces: Uint8Array[] = [];
  #padding: Uint8Array | undefined;

  /** @param latest Seconds since 1970: what is newer gets this time. */
  constructor(folder: string, latest: number | undefined) {
    this.#folder = folder;
    this.#latest = latest;
    this.#reader = new TarReader({
      entry: (entry) => this.#entry(entry),
      data: (bytes) => this.#pieces.push(bytes),
      hole: (length) => {
        for (let left = length; left > 0; left -= ZEROS.length) {
          this.#pieces.push(left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS);
        }
      },
    });
  }

  push(bytes: Uint8Array): Uint8Array[] {
    this.#pieces = [];
    this.#reader.push(bytes);
    return this.#pieces;
  }

  end(): Uint8Array[] {
    this.#reader.finish();
    this.#pieces = [];
    this.#pad();
    return this.#pieces;
  }

  #entry(entry: TarEntry): void {
    this.#pad();
    const late = this.#latest !== undefined && entry.mtime >= this.#latest;
    this.#pieces.push(tarHeader({
      ...entry,
      path: this.#below(entry.path),
      linkTarget: entry.type === "hardlink" ? this.#below(entry.linkTarget) : entry.linkTarget,
      ...(late && { mtime: this.#latest!, mtimeNs: 0 }),
    }));
    this.#padding = tarPadding(entry.size);
  }

  #below(path: string): string {
    return this.#folder === "" ? path : `${this.#folder}/${path}`;
  }

  #pad(): void {
    if (this.#padding) this.#pieces.push(this.#padding);
    this.#padding = undefined;
  }
}
