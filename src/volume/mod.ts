/**
 * Named disks: volumes of containers.
 *
 * @module
 */
export type { AttachedVolume, EnsureVolume, VolumeStore, VolumeUser } from "./types.ts";
