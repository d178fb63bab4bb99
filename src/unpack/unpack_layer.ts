import { CtrError } from "../core/mod.ts";
import type { UnpackedLayer, UnpackLayerOptions } from "./types.ts";

/**
 * Turns one layer, as it downloads, into an ext4 disk: decompress, verify, tar to ext4, flush, name.
 *
 * All heavy work is done in workers. The disk appears under `target` only when both digests were
 * checked and its bytes are on stable storage; whatever goes wrong, nothing is left behind.
 * Whiteouts become overlayfs whiteouts.
 *
 * @throws {CtrError} `bad-data` if a digest differs, the archive is damaged or a path leaves the root;
 *   `too-large` if a limit is broken; `no-space` if the disk is full; what `signal` was aborted with.
 */
export function unpackLayer(_options: UnpackLayerOptions): Promise<UnpackedLayer> {
  return Promise.reject(new CtrError("unsupported", "unpack layer: not written yet"));
}
