/**
 * Reads an archive that comes in pieces of any size. It is pushed and answers at once: no promise per
 * entry, no copy of content. What it needs to remember between two pieces is less than one header, or one
 * bounded extended header.
 */
import { CtrError } from "../core/mod.ts";
import { latin1, type TarEntry } from "./entry.ts";
import { BLOCK, checkHeader, isGnu, readHeader, typeOf } from "./header.ts";
import { applyPax, parsePax, type PaxRecords } from "./pax.ts";
import { readNumber } from "./numbers.ts";
import { addGnuParts, checkSparse, paxSparse, StoredMap, tooManyParts } from "./sparse.ts";

/** Receives an archive. Between two `entry` calls come `data` and `hole`, together `size` bytes. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** Content, valid during the call only. */
  data(bytes: Uint8Array): void;
  /** So many zeros that the archive does not store. */
  hole(length: number): void;
}

export interface TarLimits {
  /** Bytes of one extended header or long name. Default 1 MiB. */
  readonly maxHeaderBytes?: number;
  /** Bytes of a path or link target. Default 16,384. */
  readonly maxNameBytes?: number;
  /** Parts of a sparse file. Default 262,144. */
  readonly maxSparseParts?: number;
}

type State = "header" | "data" | "meta" | "gnu-sparse" | "sparse-map" | "end";

/**
 * A push parser: `push` pieces, then `finish`.
 *
 * v7, ustar, star, GNU and PAX are read. Bytes after the end mark are ignored. An archive may lack the
 * end mark, but not end within an entry.
 */
export class TarReader {
  readonly #sink: TarSink;
  readonly #maxHeader: number;
  readonly #maxName: number;
  readonly #maxSparse: number;
  #state: State = "header";
  #carry = new Uint8Array(BLOCK);
  #carried = 0;
  #zeroBlocks = 0;
  /** Stored content that is still to come, and the padding after it. */
  #left = 0;
  #padding = 0;
  // Sparse: parts, index of the current one, bytes left in it, where the file has got to.
  #parts: number[] | undefined;
  #part = 0;
  #position = 0;
  #realSize = 0;
  #storedMap: StoredMap | undefined;
  // Extended headers: what is being collected and what waits for the next entry.
  #meta = new Uint8Array(0);
  #metaAt = 0;
  #metaType = "";
  #longPath: string | undefined;
  #longLink: string | undefined;
  #pax: PaxRecords | undefined;
  #globals: PaxRecords | undefined;
  #entry: TarEntry | undefined;

  constructor(sink: TarSink, limits: TarLimits = {}) {
    this.#sink = sink;
    this.#maxHeader = limits.maxHeaderBytes ?? 1 << 20;
    this.#maxName = limits.maxNameBytes ?? 1 << 14;
    this.#maxSparse = limits.maxSparseParts ?? 1 << 18;
  }

  /** True once the end mark was read: what is pushed from now on is ignored. */
  get ended(): boolean {
    return this.#state === "end";
  }

  /**
   * Takes the next piece and hands over all that is complete in it.
   *
   * @throws {CtrError} `bad-data` if it is not an archive, `too-large` if a limit is broken; what the sink throws.
   */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state === "end") return;
      if (this.#state === "data") {
        at = this.#takeData(chunk, at);
      } else if (this.#state === "meta") {
        at = this.#takeMeta(chunk, at);
      } else if (this.#carried === 0 && chunk.length - at >= BLOCK) {
        this.#takeBlock(chunk.subarray(at, at + BLOCK));
        at += BLOCK;
      } else {
        const take = Math.min(BLOCK - this.#carried, chunk.length - at);
        this.#carry.set(chunk.subarray(at, at + take), this.#carried);
        this.#carried += take;
        at += take;
        if (this.#carried < BLOCK) return;
        this.#carried = 0;
        this.#takeBlock(this.#carry);
      }
    }
  }

  /** @throws {CtrError} `bad-data` if the archive ends within an entry. */
  finish(): void {
    const whole = this.#state === "end" ||
      this.#state === "header" && this.#carried === 0 && !this.#pax &&
        this.#longPath === undefined &&
        this.#longLink === undefined;
    if (!whole) throw new CtrError("bad-data", "read tar: the archive is cut off within an entry");
  }

  #takeBlock(block: Uint8Array): void {
    if (this.#state === "header") this.#takeHeader(block);
    else if (this.#state === "gnu-sparse") this.#takeGnuSparse(block);
    else this.#takeStoredMap(block);
  }

  #takeHeader(block: Uint8Array): void {
    if (!checkHeader(block)) {
      if (++this.#zeroBlocks === 2) this.#state = "end";
      return;
    }
    if (this.#zeroBlocks > 0) {
      throw new CtrError("bad-data", "read tar: an entry follows a block of zeros");
    }
    const type = typeOf(block);
    switch (type) {
      case "x":
      case "X":
      case "g":
      case "L":
      case "K":
      case "V": // a volume's label: read and dropped
        return this.#startMeta(type, readNumber(block, 124, 12));
      default:
        return this.#startEntry(block, type);
    }
  }

  #startMeta(type: string, size: number): void {
    if (size < 0) throw badSize();
    if (size > this.#maxHeader) {
      throw new CtrError(
        "too-large",
        `read tar: an extended header is larger than ${this.#maxHeader} bytes`,
      );
    }
    this.#metaType = type;
    this.#meta = new Uint8Array(size);
    this.#metaAt = 0;
    this.#padding = paddingOf(size);
    this.#state = "meta";
    if (size === 0) this.#finishMeta();
  }

  #takeMeta(chunk: Uint8Array, at: number): number {
    const take = Math.min(this.#meta.length - this.#metaAt, chunk.length - at);
    this.#meta.set(chunk.subarray(at, at + take), this.#metaAt);
    this.#metaAt += take;
    at += take;
    if (this.#metaAt < this.#meta.length) return at;
    const skip = Math.min(this.#padding, chunk.length - at);
    this.#padding -= skip;
    if (this.#padding === 0) this.#finishMeta();
    return at + skip;
  }

  #finishMeta(): void {
    const body = this.#meta;
    this.#state = "header";
    if (this.#metaType === "L" || this.#metaType === "K") {
      const nul = body.indexOf(0);
      const name = latin1(body, 0, nul < 0 ? body.length : nul);
      if (this.#metaType === "L") this.#longPath = name;
      else this.#longLink = name;
    } else if (this.#metaType === "g") {
      const records = parsePax(body, this.#maxSparse);
      this.#globals ??= { values: new Map(), xattrs: new Map(), sparse: [] };
      for (const [key, value] of records.values) this.#globals.values.set(key, value);
      for (const [key, value] of records.xattrs) this.#globals.xattrs.set(key, value);
    } else if (this.#metaType !== "V") {
      this.#pax = parsePax(body, this.#maxSparse);
    }
    this.#meta = new Uint8Array(0);
  }

  #startEntry(block: Uint8Array, type: string): void {
    const entry = readHeader(block);
    if (this.#globals) this.#apply(entry, this.#globals);
    if (this.#longPath !== undefined) entry.path = this.#longPath;
    if (this.#longLink !== undefined) entry.linkTarget = this.#longLink;
    const pax = this.#pax;
    if (pax) this.#apply(entry, pax);
    this.#longPath = this.#longLink = this.#pax = undefined;

    const bodied = entry.type === "file" || type === "D";
    const stored = bodied ? entry.size : 0; // Go and GNU agree: links, devices, directories have no body
    if (stored < 0) throw badSize();
    // v7 had no type for directories; GNU takes the slash for one, whatever follows.
    if (entry.type === "file" && entry.path.endsWith("/")) entry.type = "directory";
    this.#left = stored;
    this.#padding = paddingOf(stored);
    this.#parts = undefined;
    entry.size = entry.type === "file" ? stored : 0;
    this.#entry = entry;

    const sparse = pax && entry.type === "file"
      ? paxSparse(pax.values, pax.sparse, this.#maxSparse)
      : undefined;
    if (sparse !== undefined) {
      const name = pax!.values.get("GNU.sparse.name");
      if (name !== undefined) entry.path = name;
    }
    this.#checkNames(entry);
    if (sparse === "stored") {
      const size = pax!.values.get("GNU.sparse.realsize") ?? "";
      this.#realSize = /^\d{1,16}$/.test(size) ? Number(size) : -1;
      this.#storedMap = new StoredMap(this.#maxSparse);
      this.#state = "sparse-map";
    } else if (sparse) {
      this.#startSparse(sparse.parts, sparse.realSize);
    } else if (type === "S" && isGnu(block)) {
      this.#parts = [];
      this.#realSize = readNumber(block, 483, 12);
      addGnuParts(this.#parts, block, 386, 4);
      if (block[482]) this.#state = "gnu-sparse";
      else this.#startSparse(this.#parts, this.#realSize);
    } else {
      this.#sink.entry(entry);
      this.#startData();
    }
  }

  #apply(entry: TarEntry, records: PaxRecords): void {
    applyPax(entry, records.values);
    if (records.xattrs.size > 0) {
      entry.xattrs = entry.xattrs
        ? new Map([...entry.xattrs, ...records.xattrs])
        : new Map(records.xattrs);
    }
  }

  #checkNames(entry: TarEntry): void {
    if (entry.path.length > this.#maxName || entry.linkTarget.length > this.#maxName) {
      throw new CtrError("too-large", `read tar: a name is longer than ${this.#maxName} bytes`);
    }
    if (entry.path.includes("\0") || entry.linkTarget.includes("\0")) {
      throw new CtrError("bad-data", "read tar: a name holds a NUL");
    }
    if (entry.path.endsWith("/")) {
      let end = entry.path.length;
      while (end > 1 && entry.path.charCodeAt(end - 1) === 0x2f) end--;
      entry.path = entry.path.slice(0, end);
    }
  }

  #takeGnuSparse(block: Uint8Array): void {
    addGnuParts(this.#parts!, block, 0, 21);
    if (this.#parts!.length > 2 * this.#maxSparse) throw tooManyParts(this.#maxSparse);
    if (block[504] === 0) this.#startSparse(this.#parts!, this.#realSize);
  }

  #takeStoredMap(block: Uint8Array): void {
    if (this.#left < BLOCK) {
      throw new CtrError("bad-data", "read tar: a sparse map is longer than its file");
    }
    this.#left -= BLOCK;
    if (this.#storedMap!.push(block)) this.#startSparse(this.#storedMap!.parts, this.#realSize);
  }

  #startSparse(parts: number[], realSize: number): void {
    checkSparse({ parts, realSize }, this.#left);
    this.#parts = parts;
    this.#part = 0;
    this.#position = 0;
    this.#entry!.size = realSize;
    this.#realSize = realSize;
    this.#sink.entry(this.#entry!);
    this.#skipToPart();
    this.#startData();
  }

  #startData(): void {
    this.#state = this.#left + this.#padding > 0 ? "data" : "header";
    if (this.#left === 0 && this.#parts) this.#finishSparse();
  }

  #takeData(chunk: Uint8Array, at: number): number {
    while (this.#left > 0 && at < chunk.length) {
      const take = Math.min(this.#parts ? this.#partLeft() : this.#left, chunk.length - at);
      const bytes = take === chunk.length ? chunk : chunk.subarray(at, at + take);
      if (this.#entry!.type === "file") this.#sink.data(bytes);
      at += take;
      this.#left -= take;
      if (this.#parts) {
        this.#position += take;
        if (this.#partLeft() === 0) {
          this.#part += 2;
          this.#skipToPart();
        }
        if (this.#left === 0) this.#finishSparse();
      }
    }
    if (this.#left > 0) return at;
    const skip = Math.min(this.#padding, chunk.length - at);
    this.#padding -= skip;
    if (this.#padding === 0) this.#state = "header";
    return at + skip;
  }

  #partLeft(): number {
    return this.#parts![this.#part]! + this.#parts![this.#part + 1]! - this.#position;
  }

  /** Moves over the hole before the next part that stores anything. */
  #skipToPart(): void {
    const parts = this.#parts!;
    while (this.#part < parts.length && parts[this.#part + 1] === 0) this.#part += 2;
    if (this.#part >= parts.length || parts[this.#part]! <= this.#position) return;
    this.#sink.hole(parts[this.#part]! - this.#position);
    this.#position = parts[this.#part]!;
  }

  #finishSparse(): void {
    if (this.#realSize > this.#position) this.#sink.hole(this.#realSize - this.#position);
    this.#parts = undefined;
  }
}

/** The zeros that follow a body of `size` bytes. */
export function paddingOf(size: number): number {
  return (BLOCK - size % BLOCK) % BLOCK;
}

function badSize(): CtrError {
  return new CtrError("bad-data", "read tar: an entry has a negative size");
}
