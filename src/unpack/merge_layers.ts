import { CtrError } from "../core/mod.ts";
import type { MergedLayers, MergeLayersOptions } from "./types.ts";

/**
 * Merges layer disks into one: topmost wins, whiteouts are applied, each file is written once.
 *
 * @throws {CtrError} as {@linkcode unpackLayer} does; `bad-data` if a source is not a sound ext4 disk.
 */
export function mergeLayers(_options: MergeLayersOptions): Promise<MergedLayers> {
  return Promise.reject(new CtrError("unsupported", "merge layers: not written yet"));
}
