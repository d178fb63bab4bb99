import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { constants, createGzip, createZstdCompress } from "node:zlib";
import { CtrError } from "../core/mod.ts";
import type { Compression } from "../oci/mod.ts";
import { fileBytes, plainArchive } from "./archive_bytes.ts";
import type { BlobSize } from "./content.ts";
import type { ImageLease } from "./images.ts";
import type { Store } from "./store.ts";
import type { LayerBlob } from "./types.ts";

/** What the usual tools take. Fixed, so that the same layer always makes the same bytes. */
const GZIP_LEVEL = 6;
const ZSTD_LEVEL = 3;

/**
 * Compresses a layer otherwise. The same layer and compression make the same bytes.
 *
 * @throws {CtrError} `bad-data` if the layer is not what its diff ID says, `too-large`.
 */
export async function recompress(
  store: Store,
  layer: LayerBlob,
  compression: Compression,
  lease: ImageLease,
  options: { readonly signal?: AbortSignal | undefined; onBytes(bytes: number): void },
): Promise<BlobSize> {
  const hash = createHash("sha256");
  const plain = async function* () {
    let read = 0;
    const source = async function* () {
      for await (const piece of fileBytes(layer.path)) {
        options.signal?.throwIfAborted();
        options.onBytes(read += piece.length);
        yield piece;
      }
    };
    for await (const piece of plainArchive(source(), store.limits.layerBytes)) {
      hash.update(piece);
      yield piece;
    }
    if (`sha256:${hash.digest("hex")}` === layer.diffId) return;
    throw new CtrError(
      "bad-data",
      `cannot convert layer ${layer.digest.slice(0, 19)}: its bytes have another diff ID`,
      { hint: "remove the image and pull it again" },
    );
  };
  return await store.content.write(
    compressed(plain(), compression),
    undefined,
    (digest) => lease.add(digest),
  );
}

/** @returns `source` itself for `none`. */
export function compressed(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncIterable<Uint8Array> {
  if (compression === "none") return source;
  const through = compression === "gzip" ? createGzip({ level: GZIP_LEVEL }) : createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
  });
  return piped(source, through);
}

async function* piped(
  source: AsyncIterable<Uint8Array>,
  through: ReturnType<typeof createGzip> | ReturnType<typeof createZstdCompress>,
): AsyncGenerator<Uint8Array> {
  let failure: unknown;
  const input = Readable.from(source);
  input.on("error", (error) => {
    failure = error;
    through.destroy(error);
  });
  try {
    for await (const piece of input.pipe(through)) yield piece as Uint8Array;
  } catch (error) {
    throw failure ?? error;
  } finally {
    input.destroy();
    through.destroy();
  }
}
