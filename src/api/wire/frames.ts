import { CtrError } from "../../core/mod.ts";

/**
 * Frames of an attached stream, both ways: type (1 byte), length of the payload (4 bytes, big
 * endian), payload.
 *
 * Offsets count bytes since the process began (output: of both streams together), so that a client
 * that lost its engine can go on where it was: nothing twice, nothing lost.
 */
export const Frame = {
  // client → engine
  /** u64 offset, bytes. */
  stdin: 0x01,
  /** End of input. */
  stdinEnd: 0x02,
  /** u16 rows, u16 columns. */
  resize: 0x03,
  /** Name of a signal, UTF-8. */
  signal: 0x04,
  // engine → client
  /** u64 offset, bytes. */
  stdout: 0x11,
  /** u64 offset, bytes. */
  stderr: 0x12,
  /** JSON `Started`. */
  started: 0x13,
  /** JSON `Exit`; the stream ends after it. */
  exit: 0x14,
  /** JSON `ErrorBody`; the stream ends after it. */
  error: 0x15,
  /** u64: the guest has taken the input up to here. First of all, to a client with input. */
  stdinTaken: 0x16,
  /** A piece of a log: u64 time in Unix nanoseconds, u8 1 stdout or 2 stderr, bytes. */
  log: 0x17,
} as const;

export const FRAME_HEADER = 5;
/** A peer that announces more is not ours. */
export const MAX_FRAME = 4 * 1024 * 1024;

export interface ReceivedFrame {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** The header alone, so that a large payload can be written behind it without a copy. */
export function frameHeader(type: number, length: number): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER);
  header[0] = type;
  new DataView(header.buffer).setUint32(1, length);
  return header;
}

export function encodeFrame(type: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER + payload.length);
  frame.set(frameHeader(type, payload.length));
  frame.set(payload, FRAME_HEADER);
  return frame;
}

/** Cuts a byte stream into frames. Push what arrives, take what is whole. */
export class FrameDecoder {
  #pending: Uint8Array[] = [];
  #size = 0;

  push(chunk: Uint8Array): ReceivedFrame[] {
    this.#pending.push(chunk);
    this.#size += chunk.length;
    const frames: ReceivedFrame[] = [];
    while (this.#size >= FRAME_HEADER) {
      const header = this.#peek(FRAME_HEADER);
      const length = new DataView(header.buffer, header.byteOffset).getUint32(1);
      if (length > MAX_FRAME) {
        throw new CtrError("bad-data", `read a frame: ${length} bytes, limit ${MAX_FRAME}`);
      }
      if (this.#size < FRAME_HEADER + length) break;
      const whole = this.#take(FRAME_HEADER + length);
      frames.push({ type: whole[0]!, payload: whole.subarray(FRAME_HEADER) });
    }
    return frames;
  }

  #peek(count: number): Uint8Array {
    if (this.#pending[0]!.length >= count) return this.#pending[0]!;
    this.#pending = [concatenate(this.#pending, this.#size)];
    return this.#pending[0]!;
  }

  #take(count: number): Uint8Array {
    const first = this.#pending[0]!;
    this.#size -= count;
    if (first.length >= count) {
      if (first.length === count) this.#pending.shift();
      else this.#pending[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    const all = concatenate(this.#pending, this.#size + count);
    this.#pending = all.length === count ? [] : [all.subarray(count)];
    return all.subarray(0, count);
  }
}

function concatenate(parts: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
