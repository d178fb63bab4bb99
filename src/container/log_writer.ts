import { join } from "node:path";
import { CtrError, isDiskFull } from "../core/mod.ts";
import {
  listSegments,
  MAX_PAYLOAD,
  type OutputStream,
  parseRecord,
  RECORD_HEADER,
  type Segment,
  segmentName,
  writeRecordHeader,
} from "./log_format.ts";

export interface LogLimits {
  /** A segment that has reached this size gets a successor. */
  readonly segmentBytes: number;
  /** Segments that are kept, of all runs together. */
  readonly segments: number;
}

export const DEFAULT_LOG_LIMITS: LogLimits = { segmentBytes: 10 * 1024 * 1024, segments: 3 };

/** Records up to this size go to the file in one write. The event loop is single: one is enough. */
const scratch = new Uint8Array(256 * 1024);

/** Appends one run's output. There is one writer per container. */
export class LogWriter implements Disposable {
  readonly #folder: string;
  readonly #limits: LogLimits;
  readonly #run: number;
  #segments: Segment[];
  #file: Deno.FsFile | undefined;
  #fileBytes = 0;
  #end = 0;
  #changed = Promise.withResolvers<void>();
  #closed = false;

  /** @param folder Made if missing. Output of `run` that is there already is continued. */
  constructor(folder: string, run: number, limits: LogLimits = DEFAULT_LOG_LIMITS) {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#folder = folder;
    this.#run = run;
    this.#limits = limits;
    this.#segments = listSegments(folder);
    this.#recover();
  }

  get run(): number {
    return this.#run;
  }

  /** The offset of the next byte that is wanted. */
  get end(): number {
    return this.#end;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves at the next append, or when the writer is closed. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }

  /**
   * Keeps `data` in the page cache: it survives this process, not a power cut.
   *
   * Bytes before `end` are skipped, so a repetition doubles nothing. Bytes that a full disk does not take
   * are missing in the log: a program must not end because nobody can keep what it says.
   *
   * @returns The part that was new, or undefined if there was none.
   * @throws {CtrError} `bad-data` if bytes between `end` and `offset` are missing.
   */
  append(stream: OutputStream, offset: number, data: Uint8Array): Uint8Array | undefined {
    if (offset > this.#end) {
      throw new CtrError("bad-data", `keep output: it goes on at ${offset}, not at ${this.#end}`);
    }
    const fresh = offset === this.#end ? data : data.subarray(this.#end - offset);
    if (fresh.length === 0) return undefined;
    const timeNs = BigInt(Date.now()) * 1_000_000n;
    for (let at = 0; at < fresh.length; at += MAX_PAYLOAD) {
      const part = fresh.subarray(at, at + MAX_PAYLOAD);
      this.#write({ stream, offset: this.#end, timeNs, data: part });
      this.#end += part.length;
    }
    this.wake();
    return fresh;
  }

  /** Lets those who wait for more look again. */
  wake(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    resolve();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#file?.close();
    this.#file = undefined;
    this.#changed.resolve();
  }

  #write(record: Parameters<typeof writeRecordHeader>[1]): void {
    try {
      this.#put(record);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.#cutOff();
    }
  }

  /** Drops half a record. The next one begins a segment, whose name tells where the log goes on. */
  #cutOff(): void {
    const file = this.#file;
    this.#file = undefined;
    if (!file) return;
    if (this.#fileBytes > 0) file.truncateSync(this.#fileBytes);
    file.close();
    if (this.#fileBytes === 0) Deno.removeSync(join(this.#folder, this.#segments.pop()!.name));
  }

  #put(record: Parameters<typeof writeRecordHeader>[1]): void {
    const file = this.#writable();
    const size = RECORD_HEADER + record.data.length;
    writeRecordHeader(scratch, record);
    if (size <= scratch.length) {
      scratch.set(record.data, RECORD_HEADER);
      writeAll(file, scratch.subarray(0, size));
    } else {
      writeAll(file, scratch.subarray(0, RECORD_HEADER));
      writeAll(file, record.data);
    }
    this.#fileBytes += size;
  }

  #writable(): Deno.FsFile {
    if (this.#file && this.#fileBytes < this.#limits.segmentBytes) return this.#file;
    this.#file?.close();
    this.#file = undefined;
    const name = segmentName(this.#run, this.#end);
    this.#file = Deno.openSync(join(this.#folder, name), {
      write: true,
      create: true,
      truncate: true,
      mode: 0o600,
    });
    this.#fileBytes = 0;
    this.#segments.push({ run: this.#run, offset: this.#end, name });
    while (this.#segments.length > this.#limits.segments) {
      Deno.removeSync(join(this.#folder, this.#segments.shift()!.name));
    }
    return this.#file;
  }

  /** Goes on in the last segment of this run, behind its last whole record. */
  #recover(): void {
    const last = this.#segments.at(-1);
    if (last?.run !== this.#run) return;
    const path = join(this.#folder, last.name);
    const bytes = Deno.readFileSync(path);
    let at = 0;
    this.#end = last.offset;
    for (;;) {
      const record = parseRecord(bytes, at, true);
      if (!record || record.offset !== this.#end) break;
      this.#end += record.data.length;
      at = record.end;
    }
    this.#file = Deno.openSync(path, { write: true });
    if (at < bytes.length) this.#file.truncateSync(at);
    this.#file.seekSync(at, Deno.SeekMode.Start);
    this.#fileBytes = at;
  }
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(at === 0 ? bytes : bytes.subarray(at));
}
