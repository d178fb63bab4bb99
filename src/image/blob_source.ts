import { CtrError } from "../core/mod.ts";
import type { BlobSource } from "../registry/mod.ts";

const PIECE = 512 * 1024;

/** A blob's file as the body of an upload. It stays readable if the blob is removed meanwhile. */
export async function blobSource(path: string): Promise<BlobSource & AsyncDisposable> {
  const file = await Deno.open(path, { read: true });
  return {
    async *read(offset, length) {
      await file.seek(offset, Deno.SeekMode.Start);
      for (let at = 0; at < length;) {
        // A buffer of its own for each piece: the connection may still be busy with the last one.
        const piece = new Uint8Array(Math.min(PIECE, length - at));
        const got = await file.read(piece);
        if (got === null) throw new CtrError("bad-data", "cannot read a blob: it was cut short");
        at += got;
        yield piece.subarray(0, got);
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(file.close()),
  };
}
