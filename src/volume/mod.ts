/**
 * Named disks and folders that outlive containers.
 *
 * @module
 */
export { openVolumes, Volumes } from "./volumes.ts";
export type { VolumesOptions } from "./volumes.ts";
export { ANONYMOUS_LABEL, isAnonymous } from "./names.ts";
export type {
  AttachedVolume,
  EnsureVolume,
  JournalMode,
  VolumeConfig,
  VolumeReference,
  VolumeStore,
  VolumeType,
  VolumeUser,
} from "./types.ts";
