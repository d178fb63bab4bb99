import { crc32 } from "node:zlib";

/**
 * How output is kept: records one behind the other in segment files.
 *
 * ```text
 * segment name   <run, 6 digits>-<offset of its first byte, 16 digits>.log
 * record         0  u32  mark "CTR1"
 *                4  u32  CRC-32 of all that follows, payload included
 *                8  u32  length of the payload
 *               12  u32  stream: 1 stdout, 2 stderr
 *               16  u64  offset of its first byte since the process began, both streams together
 *               24  u64  time, Unix nanoseconds
 *               32       payload
 * ```
 *
 * A run is one start of the container. Integers are little endian. What a killed engine or a lost
 * host left half written fails its CRC, and everything from there on is cut off before more is
 * written, so the end of the last whole record is exactly where the guest has to go on.
 */
export const RECORD_HEADER = 32;
const MARK = 0x31525443;
/** A longer payload is no record of ours. */
export const MAX_PAYLOAD = 4 * 1024 * 1024;

export type OutputStream = 1 | 2;

export interface LogRecord {
  readonly stream: OutputStream;
  readonly offset: number;
  readonly timeNs: bigint;
  /** A view of the buffer that was parsed. */
  readonly data: Uint8Array;
}

/** Fills the header of a record whose payload is `data`. */
export function writeRecordHeader(header: Uint8Array, record: LogRecord): void {
  const view = new DataView(header.buffer, header.byteOffset, RECORD_HEADER);
  view.setUint32(0, MARK, true);
  view.setUint32(8, record.data.length, true);
  view.setUint32(12, record.stream, true);
  view.setBigUint64(16, BigInt(record.offset), true);
  view.setBigUint64(24, record.timeNs, true);
  view.setUint32(4, crc32(record.data, crc32(header.subarray(8, RECORD_HEADER))), true);
}

export interface ParsedRecord extends LogRecord {
  /** Where the next record begins in the buffer. */
  readonly end: number;
}

/**
 * Reads the record at `at`.
 *
 * @param check False skips the CRC, for segments that recovery has been through.
 * @returns Undefined if no whole record is there.
 */
export function parseRecord(
  bytes: Uint8Array,
  at: number,
  check: boolean,
): ParsedRecord | undefined {
  if (at + RECORD_HEADER > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, RECORD_HEADER);
  if (view.getUint32(0, true) !== MARK) return undefined;
  const length = view.getUint32(8, true);
  const stream = view.getUint32(12, true);
  const end = at + RECORD_HEADER + length;
  if (length > MAX_PAYLOAD || (stream !== 1 && stream !== 2) || end > bytes.length) {
    return undefined;
  }
  if (check && crc32(bytes.subarray(at + 8, end)) !== view.getUint32(4, true)) return undefined;
  return {
    stream,
    offset: Number(view.getBigUint64(16, true)),
    timeNs: view.getBigUint64(24, true),
    data: bytes.subarray(at + RECORD_HEADER, end),
    end,
  };
}

export interface Segment {
  readonly run: number;
  /** Offset of its first byte. */
  readonly offset: number;
  readonly name: string;
}

export function segmentName(run: number, offset: number): string {
  return `${String(run).padStart(6, "0")}-${String(offset).padStart(16, "0")}.log`;
}

/** The segments of a folder, oldest first. Names that are none are left alone. */
export function listSegments(folder: string): Segment[] {
  const segments: Segment[] = [];
  for (const { name } of readFolder(folder)) {
    const match = /^(\d{6})-(\d{16})\.log$/.exec(name);
    if (match) segments.push({ run: Number(match[1]), offset: Number(match[2]), name });
  }
  return segments.sort((a, b) => a.run - b.run || a.offset - b.offset);
}

function readFolder(folder: string): Iterable<Deno.DirEntry> {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
