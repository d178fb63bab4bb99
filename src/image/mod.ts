/**
 * The image store: pull, unpack, list, tag, remove, load and save.
 *
 * Under the ctr home: `content/` is an OCI image layout that any OCI tool can read, `layers/` has
 * one read-only ext4 per layer, shared by every image that has the layer. Nothing in either is
 * changed in place.
 *
 * @module
 */
export { openImages } from "./open.ts";
export { applyChanges } from "./changes.ts";
export type { ProcessDocument } from "./changes.ts";
export { migrate } from "./schema.ts";
export type { ImageLease, Images } from "./images.ts";
export type { Unpacker } from "./layer_disks.ts";
export type {
  ConfigChange,
  ConvertOptions,
  DiffOptions,
  HistoryEntry,
  ImageDiff,
  ImportOptions,
} from "./form_types.ts";
export type {
  CachedLayers,
  CacheUsage,
  ImageDiskUsage,
  ImageLimits,
  ImageObject,
  ImageRecord,
  ImagesOptions,
  ImageUsage,
  ImageVariant,
  LayerBlob,
  LayerPhase,
  Loaded,
  LoadOptions,
  LoadSource,
  NewLayer,
  PendingLayer,
  PruneOptions,
  PulledImage,
  PullOptions,
  PullProgress,
  PushedImage,
  PushOptions,
  RemoteImage,
  RemoteManifest,
  Removed,
  RemoveOptions,
  ResolvedImage,
  ResolveOptions,
  SaveOptions,
  SweepOptions,
  Swept,
  WriteBlobOptions,
} from "./types.ts";
