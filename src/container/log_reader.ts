import { join } from "node:path";
import { listSegments, type LogRecord, parseRecord, type Segment } from "./log_format.ts";

/** A record of a log that may hold several runs. */
export interface ReadRecord extends LogRecord {
  readonly run: number;
}

/** Where a reader stands: behind everything of `run` before `offset`. */
export interface LogPosition {
  readonly run: number;
  readonly offset: number;
}

export const LOG_BEGIN: LogPosition = { run: 0, offset: 0 };

/** The records behind `from`, oldest first, up to what is written when the last segment is read. */
export function readLog(folder: string, from: LogPosition = LOG_BEGIN): Iterable<ReadRecord> {
  return new LogFollower(folder, from).read();
}

/**
 * Reads a log on and on, each byte once.
 *
 * What is new of a segment is read whole: it is small by its limit, and rotation may remove the file
 * at any time.
 */
export class LogFollower {
  readonly #folder: string;
  readonly #from: LogPosition;
  #segment: Segment | undefined;
  /** Where in the segment's file the next record begins. */
  #at = 0;

  constructor(folder: string, from: LogPosition = LOG_BEGIN) {
    this.#folder = folder;
    this.#from = from;
  }

  /** The records that were written since the last call. */
  *read(): Generator<ReadRecord> {
    const segments = listSegments(this.#folder);
    for (const [index, segment] of segments.entries()) {
      if (this.#passed(segment, segments[index + 1])) continue;
      if (segment.name !== this.#segment?.name) [this.#segment, this.#at] = [segment, 0];
      const begin = this.#at;
      for (const record of recordsIn(readFrom(join(this.#folder, segment.name), begin), segment)) {
        this.#at = begin + record.end;
        const fresh = this.#behind(record);
        if (fresh) yield fresh;
      }
    }
  }

  #passed(segment: Segment, next: Segment | undefined): boolean {
    const current = this.#segment ?? this.#from;
    if (segment.run !== current.run) return segment.run < current.run;
    if (this.#segment) return segment.offset < this.#segment.offset;
    return next?.run === segment.run && next.offset <= current.offset;
  }

  /** What of a record lies behind the place where we began. */
  #behind(record: ReadRecord): ReadRecord | undefined {
    const skip = record.run === this.#from.run ? this.#from.offset - record.offset : 0;
    if (skip <= 0) return record;
    if (skip >= record.data.length) return undefined;
    return { ...record, offset: record.offset + skip, data: record.data.subarray(skip) };
  }
}

function* recordsIn(
  bytes: Uint8Array,
  { run }: Segment,
): Generator<ReadRecord & { readonly end: number }> {
  for (let at = 0;;) {
    const record = parseRecord(bytes, at, false);
    if (!record) return;
    at = record.end;
    yield { ...record, run };
  }
}

function readSegment(folder: string, segment: Segment): Generator<ReadRecord> {
  return recordsIn(readFrom(join(folder, segment.name), 0), segment);
}

export interface Tail {
  readonly records: readonly ReadRecord[];
  /** Behind everything that was looked at: where a reader goes on. */
  readonly end: LogPosition;
}

/**
 * The records that hold the last `lines` lines, the first of them cut to where its line begins.
 *
 * Lines are counted over both streams together; what follows the last line feed is a line.
 *
 * @param wanted Which records count at all; the others are left out.
 */
export function readTail(
  folder: string,
  lines: number,
  wanted: (record: ReadRecord) => boolean = () => true,
): Tail {
  if (lines === 0) return { records: [], end: logEnd(folder) };
  const tail: ReadRecord[] = [];
  const counter = new BackwardCounter(lines);
  let end: LogPosition | undefined;
  for (const segment of listSegments(folder).reverse()) {
    for (const record of [...readSegment(folder, segment)].reverse()) {
      end ??= { run: record.run, offset: record.offset + record.data.length };
      if (!wanted(record)) continue;
      const begin = counter.take(record.data);
      tail.push(
        begin === 0
          ? record
          : { ...record, offset: record.offset + begin, data: record.data.subarray(begin) },
      );
      if (counter.done) return { records: whole(tail), end };
    }
  }
  return { records: whole(tail), end: end ?? LOG_BEGIN };
}

function whole(backwards: readonly ReadRecord[]): ReadRecord[] {
  return backwards.filter((each) => each.data.length > 0).reverse();
}

const LINE_FEED = 10;

/** Counts lines from the end of a log towards its beginning. */
class BackwardCounter {
  #wanted: number;
  #last = true;
  done = false;

  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  /** @returns Where in `data` the wanted lines begin; 0 while they begin earlier. */
  take(data: Uint8Array): number {
    let at = data.length;
    if (this.#last && data.at(-1) === LINE_FEED) at--; // ends the last line, begins none
    if (data.length > 0) this.#last = false;
    while ((at = at > 0 ? data.lastIndexOf(LINE_FEED, at - 1) : -1) >= 0) {
      if (--this.#wanted === 0) {
        this.done = true;
        return at + 1;
      }
    }
    return 0;
  }
}

/** The end of everything that is written. */
export function logEnd(folder: string): LogPosition {
  const last = listSegments(folder).at(-1);
  if (!last) return LOG_BEGIN;
  let offset = last.offset;
  for (const record of readSegment(folder, last)) offset = record.offset + record.data.length;
  return { run: last.run, offset };
}

/** The rest of a file; nothing if it was rotated away. */
function readFrom(path: string, at: number): Uint8Array {
  try {
    using file = Deno.openSync(path);
    const bytes = new Uint8Array(Math.max(0, file.statSync().size - at));
    file.seekSync(at, Deno.SeekMode.Start);
    let filled = 0;
    for (let n; filled < bytes.length && (n = file.readSync(bytes.subarray(filled)));) filled += n;
    return bytes.subarray(0, filled);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array(0);
    throw error;
  }
}
