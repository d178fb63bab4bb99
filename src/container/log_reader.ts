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

/**
 * The records behind `from`, oldest first, up to what is written when the last segment is read.
 *
 * A segment is read whole: it is small by its limit, and rotation may remove it at any time.
 */
export function* readLog(folder: string, from: LogPosition = LOG_BEGIN): Generator<ReadRecord> {
  const segments = listSegments(folder);
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    if (segment.run < from.run) continue;
    const passed = next && next.run === segment.run && from.run === segment.run &&
      next.offset <= from.offset;
    if (!passed) yield* recordsBehind(folder, segment, from);
  }
}

function* recordsBehind(folder: string, segment: Segment, from: LogPosition) {
  for (const record of readSegment(folder, segment)) {
    const skip = record.run === from.run ? from.offset - record.offset : 0;
    if (skip >= record.data.length) continue;
    yield skip <= 0 ? record : {
      ...record,
      offset: record.offset + skip,
      data: record.data.subarray(skip),
    };
  }
}

function* readSegment(folder: string, segment: Segment): Generator<ReadRecord> {
  const bytes = readIfThere(join(folder, segment.name));
  for (let at = 0;;) {
    const record = parseRecord(bytes, at, false);
    if (!record) return;
    at = record.end;
    yield { ...record, run: segment.run };
  }
}

/**
 * The records that hold the last `lines` lines, the first of them cut to where its line begins.
 *
 * Lines are counted over both streams together; what follows the last line feed is a line.
 */
export function readTail(folder: string, lines: number): ReadRecord[] {
  if (lines === 0) return [];
  const tail: ReadRecord[] = [];
  const counter = new BackwardCounter(lines);
  for (const segment of listSegments(folder).reverse()) {
    for (const record of [...readSegment(folder, segment)].reverse()) {
      const begin = counter.take(record.data);
      tail.push(
        begin === 0
          ? record
          : { ...record, offset: record.offset + begin, data: record.data.subarray(begin) },
      );
      if (counter.done) return tail.filter((each) => each.data.length > 0).reverse();
    }
  }
  return tail.reverse();
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

function readIfThere(path: string): Uint8Array {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array(0);
    throw error;
  }
}
