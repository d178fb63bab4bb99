/**
 * gzip through the synchronous call under `node:zlib`'s stream. The stream allocates a buffer for every
 * piece, which at gigabytes a second is 60 MB of garbage and a sixth of the time. The call is not documented,
 * so its shape is checked first, and whoever finds another shape uses the stream.
 */
import { createGunzip, createGzip } from "node:zlib";
import { CtrError } from "../core/mod.ts";
import type { Compressor } from "./compressor.ts";
import type { Decompressor, Sink } from "./decompressor.ts";

const PIECE = 1 << 19;
const NO_FLUSH = 0;
const FINISH = 4;

interface Handle {
  onerror: (message: string, code: number) => void;
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void;
  close(): void;
}

/** `undefined` if this runtime's `node:zlib` is built otherwise. */
export function directGunzip(sink: Sink): Decompressor | undefined {
  const inner = innerOf(createGunzip());
  if (!inner) return undefined;
  const { handle, state } = inner;
  const output = new Uint8Array(PIECE);
  let failed = false;
  handle.onerror = () => (failed = true);

  const run = async (flush: number, input: Uint8Array): Promise<void> => {
    for (let at = 0;;) {
      handle.writeSync(flush, input, at, input.length - at, output, 0, PIECE);
      if (failed) {
        throw new CtrError("bad-data", "the gzip stream is damaged or cut off");
      }
      const room = state[0]!;
      const left = state[1]!;
      const used = input.length - at - left;
      at = input.length - left;
      if (room < PIECE) {
        const wait = sink(output.subarray(0, PIECE - room));
        if (wait) await wait;
      }
      // Output that is not full means that all input was used, or that what is left is padding.
      if (room > 0 && (left === 0 || used === 0)) return;
    }
  };
  return {
    push: (bytes) => run(NO_FLUSH, bytes),
    async end() {
      await run(FINISH, new Uint8Array(0));
      handle.close();
    },
  };
}

/** The same for the way there; `undefined` as {@linkcode directGunzip}. What `write` gets is valid during the call. */
export function directGzip(
  level: number,
  write: (bytes: Uint8Array) => void,
): Compressor | undefined {
  const inner = innerOf(createGzip({ level }));
  if (!inner) return undefined;
  const { handle, state } = inner;
  const output = new Uint8Array(PIECE);
  let failed = "";
  handle.onerror = (message) => failed = message || "zlib failed";
  const run = (flush: number, input: Uint8Array): Promise<void> => {
    for (let at = 0;;) {
      handle.writeSync(flush, input, at, input.length - at, output, 0, PIECE);
      if (failed !== "") throw new Error(failed);
      const room = state[0]!;
      at = input.length - state[1]!;
      if (room < PIECE) write(output.subarray(0, PIECE - room));
      if (room > 0) return Promise.resolve();
    }
  };
  return {
    push: (bytes) => run(NO_FLUSH, bytes),
    async end() {
      await run(FINISH, new Uint8Array(0));
      handle.close();
    },
  };
}

function innerOf(
  stream: unknown,
): { readonly handle: Handle; readonly state: Uint32Array } | undefined {
  const { _handle: handle, _writeState: state } = stream as {
    _handle?: Handle;
    _writeState?: Uint32Array;
  };
  if (typeof handle?.writeSync !== "function" || !(state instanceof Uint32Array)) return undefined;
  return { handle, state };
}
