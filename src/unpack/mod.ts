/**
 * Layers to disks: decompress, verify, tar to ext4, in workers.
 *
 * @module
 */
export { unpackLayer } from "./unpack_layer.ts";
export { mergeLayers } from "./merge_layers.ts";
export { privilegedFilesOf } from "./privileged.ts";
export { stopUnpackWorkers } from "./worker_pool.ts";
export { setUnpackWorkerUrl } from "./worker_url.ts";
export type {
  Compression,
  LayerSource,
  MergedLayers,
  MergeLayersOptions,
  UnpackedLayer,
  UnpackLayerOptions,
  UnpackLimits,
} from "./types.ts";
