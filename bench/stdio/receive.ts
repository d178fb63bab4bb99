import { Buffer } from "node:buffer";

export interface Expected {
  /** Bytes that come first and are not measured. Default 0. */
  readonly headBytes?: number;
  /** The stream repeats its first so many bytes. */
  readonly pieceBytes: number;
  /** After so many, head apart, reading ends: a connection to a guest stays open. */
  readonly totalBytes: number;
  /** Called once, when the first measured byte is here. */
  readonly began?: () => void;
}

export interface Received {
  readonly head: Uint8Array;
  readonly piece: Uint8Array;
  /** Head apart. */
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Reads a stream that repeats one piece.
 *
 * @throws {Error} At the first byte that differs from the piece.
 */
export async function receive(
  chunks: AsyncIterable<Uint8Array>,
  { headBytes = 0, pieceBytes, totalBytes, began }: Expected,
): Promise<Received> {
  const head = new Uint8Array(headBytes);
  const piece = Buffer.alloc(pieceBytes);
  let headRead = 0;
  let bytes = 0;
  let beganAt = 0;
  for await (const chunk of chunks) {
    let at = 0;
    if (headRead < headBytes) {
      at = Math.min(chunk.length, headBytes - headRead);
      head.set(chunk.subarray(0, at), headRead);
      headRead += at;
    }
    if (at < chunk.length && bytes === 0) {
      beganAt = performance.now();
      began?.();
    }
    while (at < chunk.length) {
      const offset = bytes % pieceBytes;
      const part = chunk.subarray(at, at + pieceBytes - offset);
      if (bytes < pieceBytes) piece.set(part, offset);
      else if (piece.compare(part, 0, part.length, offset, offset + part.length) !== 0) {
        throw new Error(
          `the stream differs from its first ${pieceBytes} bytes after byte ${bytes}`,
        );
      }
      at += part.length;
      bytes += part.length;
    }
    if (bytes >= totalBytes) break;
  }
  return { head, piece, bytes, seconds: (performance.now() - beganAt) / 1000 };
}
