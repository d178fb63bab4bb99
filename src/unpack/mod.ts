/**
 * Layers to disks: decompress, verify, tar to ext4, in workers. And disks to layers and archives.
 *
 * @module
 */
export { compareTrees } from "./compare_trees.ts";
export type { CompareOptions, TreeChange } from "./compare_trees.ts";
export { unpackLayer } from "./unpack_layer.ts";
export { mergeLayers } from "./merge_layers.ts";
export { packDisks } from "./pack.ts";
export { digestFiles } from "./digest_files.ts";
export type { DigestFilesOptions } from "./digest_files.ts";
export { DiskStack } from "./disk_stack.ts";
export type { StackNode } from "./disk_stack.ts";
export { extractDisks } from "./extract.ts";
export type { ExtractOptions } from "./extract.ts";
export { makeLayer } from "./make_layer.ts";
export type { MadeLayer, MakeLayerOptions } from "./make_layer.ts";
export type {
  DigestedFile,
  DiskFolder,
  FileContent,
  LayerContent,
  LayerEntry,
} from "./layer_content.ts";
export { privilegedFilesOf } from "./privileged.ts";
export { stopUnpackWorkers } from "./worker_pool.ts";
export { setUnpackWorkerUrl } from "./worker_url.ts";
export type {
  Compression,
  IgnoredNames,
  LayerSource,
  MergedLayers,
  MergeLayersOptions,
  Packed,
  PackedResult,
  PackOptions,
  PackWhat,
  UnpackedLayer,
  UnpackLayerOptions,
  UnpackLimits,
} from "./types.ts";
