import { Frame, FRAME_HEADER, MAX_FRAME } from "../api/wire/mod.ts";
import { CtrError } from "../core/mod.ts";

/** What arrives on an attached stream. Output comes in pieces as they were received. */
export type Received =
  | {
    readonly kind: "output";
    readonly type: number;
    readonly offset: bigint;
    readonly bytes: Uint8Array;
  }
  | { readonly kind: "frame"; readonly type: number; readonly payload: Uint8Array };

const OFFSET = 8;
const START = 256 * 1024;

/**
 * Cuts a connection into frames without copying output: pieces are views of one buffer and are
 * valid until the next one is asked for, so a slow reader of ours slows the container down.
 *
 * @param rest What was received behind the HTTP head already.
 */
export async function* readFrames(
  connection: Pick<Deno.Conn, "read">,
  rest: Uint8Array,
): AsyncGenerator<Received, void, void> {
  let buffer = new Uint8Array(START);
  let begin = 0;
  let end = 0;
  const need = async (count: number): Promise<boolean> => {
    if (begin === end) begin = end = 0;
    if (buffer.length - begin < count) {
      const target = count <= buffer.length ? buffer : new Uint8Array(count);
      target.set(buffer.subarray(begin, end)); // may overlap: `set` copies as if through a third
      [buffer, begin, end] = [target, 0, end - begin];
    }
    while (end - begin < count) {
      const got = rest.length > 0 ? takeRest() : await connection.read(buffer.subarray(end));
      if (got === null) return false;
      end += got;
    }
    return true;
  };
  const takeRest = () => {
    const piece = rest.subarray(0, buffer.length - end);
    buffer.set(piece, end);
    rest = rest.subarray(piece.length);
    return piece.length;
  };
  while (await need(FRAME_HEADER)) {
    const view = new DataView(buffer.buffer, begin);
    const type = view.getUint8(0);
    const length = view.getUint32(1);
    if (length > MAX_FRAME) {
      throw new CtrError("bad-data", `read a frame: ${length} bytes, limit ${MAX_FRAME}`);
    }
    begin += FRAME_HEADER;
    if (type !== Frame.stdout && type !== Frame.stderr) {
      if (!await need(length)) return;
      yield { kind: "frame", type, payload: buffer.slice(begin, begin + length) };
      begin += length;
      continue;
    }
    if (length < OFFSET || !await need(OFFSET)) return;
    let offset = new DataView(buffer.buffer, begin).getBigUint64(0);
    begin += OFFSET;
    for (let left = length - OFFSET; left > 0;) {
      if (begin === end && !await need(1)) return;
      const bytes = buffer.subarray(begin, Math.min(end, begin + left));
      yield { kind: "output", type, offset, bytes };
      begin += bytes.length;
      left -= bytes.length;
      offset += BigInt(bytes.length);
    }
  }
}
