const PIECE = 256 * 1024;
/** As much as is needed to tell a tar. */
const HEAD = 512;

/** Reads standard input: first a look at what it is, then all of it. */
export class StdinReader {
  readonly #source: { read(buffer: Uint8Array): Promise<number | null> };
  #head: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  constructor(source: { read(buffer: Uint8Array): Promise<number | null> }) {
    this.#source = source;
  }

  /** The first bytes, which stay to be read. Fewer than 512 where there are no more. */
  async peek(): Promise<Uint8Array> {
    while (this.#head.length < HEAD) {
      const piece = await this.#read();
      if (!piece) break;
      const joined = new Uint8Array(this.#head.length + piece.length);
      joined.set(this.#head);
      joined.set(piece, this.#head.length);
      this.#head = joined;
    }
    return this.#head;
  }

  async *pieces(): AsyncGenerator<Uint8Array, void> {
    if (this.#head.length > 0) yield this.#head;
    this.#head = new Uint8Array(0);
    for (let piece; (piece = await this.#read());) yield piece;
  }

  /** Up to one byte more than `most`. */
  async all(most: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of this.pieces()) {
      pieces.push(piece);
      size += piece.length;
      if (size > most) break;
    }
    const all = new Uint8Array(Math.min(size, most + 1));
    let at = 0;
    for (const piece of pieces) {
      all.set(piece.subarray(0, all.length - at), at);
      at = Math.min(all.length, at + piece.length);
    }
    return all;
  }

  async #read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const buffer = new Uint8Array(PIECE);
    const count = await this.#source.read(buffer);
    return count === null ? undefined : buffer.subarray(0, count);
  }
}

const MAGIC: readonly (readonly number[])[] = [
  [0x1f, 0x8b], // gzip
  [0x42, 0x5a, 0x68], // bzip2
  [0xfd, 0x37, 0x7a, 0x58, 0x5a], // xz
  [0x28, 0xb5, 0x2f, 0xfd], // zstd
];

/** Whether bytes are the beginning of a tar, compressed or not. */
export function startsArchive(head: Uint8Array): boolean {
  if (MAGIC.some((magic) => magic.every((byte, index) => head[index] === byte))) return true;
  return head.length >= HEAD && hasTarChecksum(head.subarray(0, HEAD));
}

/** The sum of a header's bytes, with its own field as spaces. */
function hasTarChecksum(header: Uint8Array): boolean {
  const digits = new TextDecoder("latin1").decode(header.subarray(148, 156));
  const told = /^[ 0]*([0-7]+)[ \0]/.exec(`${digits} `)?.[1];
  if (told === undefined) return header.every((byte) => byte === 0); // an empty archive
  const sum = header.reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 32 : byte), 0);
  return sum === Number.parseInt(told, 8);
}
