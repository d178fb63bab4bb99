import { CtrError } from "../core/mod.ts";

/** Frame types, flags and settings of RFC 9113 §6, as far as a client of `vminitd` needs them. */
export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;
export const SETTING = { headerTableSize: 1, push: 2, initialWindow: 4, maxFrame: 5 } as const;

/** The largest frame that we accept; `vminitd` sends up to 256 KiB. */
export const MAX_IN_FRAME = 1 << 20;
/** What every server accepts (RFC 9113 §4.2). */
export const MAX_OUT_FRAME = 16_384;
export const HEADER_BYTES = 9;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** Writes a frame's header at the beginning of `target`. */
export function writeFrameHeader(
  target: DataView,
  at: number,
  length: number,
  frame: { readonly type: number; readonly flags?: number; readonly stream?: number },
): void {
  target.setUint32(at, length << 8 | frame.type);
  target.setUint8(at + 4, frame.flags ?? 0);
  target.setUint32(at + 5, frame.stream ?? 0);
}

/** A frame whose payload is made of 32-bit words, such as WINDOW_UPDATE and RST_STREAM. */
export function wordsFrame(
  frame: { readonly type: number; readonly flags?: number; readonly stream?: number },
  ...words: number[]
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + 4 * words.length);
  const view = new DataView(bytes.buffer);
  writeFrameHeader(view, 0, 4 * words.length, frame);
  words.forEach((word, index) => view.setUint32(HEADER_BYTES + 4 * index, word));
  return bytes;
}

/** A SETTINGS frame. */
export function settingsFrame(
  settings: readonly (readonly [number, number])[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + 6 * settings.length);
  const view = new DataView(bytes.buffer);
  writeFrameHeader(view, 0, 6 * settings.length, { type: FRAME.settings });
  settings.forEach(([id, value], index) => {
    view.setUint16(HEADER_BYTES + 6 * index, id);
    view.setUint32(HEADER_BYTES + 6 * index + 2, value);
  });
  return bytes;
}

/** What receives the frames of a connection, in order. Data arrives in pieces as it was read. */
export interface FrameSink {
  /** The payload is valid during the call only. */
  frame(frame: Frame): void;
  /** A piece of a DATA frame. `last` says that the frame ends with it. */
  data(stream: number, piece: Uint8Array, last: boolean, flags: number, frameLength: number): void;
}

/**
 * Cuts a byte stream into frames.
 *
 * DATA is handed on as it comes, so that it is copied once, into its message.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #header = new Uint8Array(HEADER_BYTES);
  readonly #view = new DataView(this.#header.buffer);
  #headerFilled = 0;
  #length = 0;
  #left = 0;
  #payload: Uint8Array | undefined;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** @throws {CtrError} `bad-data` if a frame is larger than we allowed or makes no sense. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerFilled < HEADER_BYTES) {
        const n = Math.min(HEADER_BYTES - this.#headerFilled, chunk.length - at);
        this.#header.set(chunk.subarray(at, at + n), this.#headerFilled);
        this.#headerFilled += n;
        at += n;
        if (this.#headerFilled < HEADER_BYTES) return;
        this.#begin();
        if (this.#left > 0) continue;
      } else {
        const n = Math.min(this.#left, chunk.length - at);
        this.#take(chunk.subarray(at, at + n));
        at += n;
      }
      if (this.#left === 0) this.#end();
    }
  }

  get #type(): number {
    return this.#header[3]!;
  }

  #begin(): void {
    this.#length = this.#view.getUint32(0) >>> 8;
    this.#left = this.#length;
    const limit = this.#type === FRAME.data ? MAX_IN_FRAME : 64 * 1024;
    if (this.#length > limit) {
      throw new CtrError(
        "bad-data",
        `cannot read the guest's answer: a frame of ${this.#length} bytes`,
      );
    }
    if (this.#type !== FRAME.data) this.#payload = new Uint8Array(this.#length);
    else if (this.#header[4]! & FLAG.padded) {
      throw new CtrError("bad-data", "cannot read the guest's answer: a padded frame");
    }
  }

  #take(piece: Uint8Array): void {
    this.#left -= piece.length;
    if (this.#payload) this.#payload.set(piece, this.#length - this.#left - piece.length);
    else if (this.#left > 0) this.#data(piece, false);
    else this.#data(piece, true);
  }

  #data(piece: Uint8Array, last: boolean): void {
    this.#sink.data(this.#stream, piece, last, this.#header[4]!, this.#length);
  }

  get #stream(): number {
    return this.#view.getUint32(5) & 0x7fff_ffff;
  }

  #end(): void {
    this.#headerFilled = 0;
    const payload = this.#payload;
    this.#payload = undefined;
    if (payload) {
      this.#sink.frame({
        type: this.#type,
        flags: this.#header[4]!,
        stream: this.#stream,
        payload,
      });
    } else if (this.#length === 0) this.#data(new Uint8Array(0), true);
  }
}
