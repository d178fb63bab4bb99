import { z } from "zod";

const bytes = z.int().nonnegative();
const texts = z.record(z.string(), z.string());

export const CreateVolumeRequest = z.strictObject({
  /** Absent: an anonymous volume of a new name. */
  name: z.string().optional(),
  /** `size`, `journal`, `type`. */
  options: texts.default({}),
  labels: texts.default({}),
});
export type CreateVolumeRequest = z.output<typeof CreateVolumeRequest>;

/** A volume as `ls` and `inspect` show it. */
export const Volume = z.strictObject({
  id: z.string(), // its name
  configuration: z.strictObject({
    name: z.string(),
    type: z.enum(["block", "shared"]),
    driver: z.literal("local"),
    /** `ext4`, or `folder` where it is one of the host. */
    format: z.enum(["ext4", "folder"]),
    /** The disk or the folder on the host. */
    source: z.string(),
    creationDate: z.iso.datetime(),
    labels: texts,
    options: texts,
    /** Of a block volume: what the guest sees, not what it costs. */
    sizeInBytes: bytes.optional(),
  }),
  status: z.strictObject({
    /** What it costs on the host. */
    allocatedBytes: bytes,
    /** Names of the containers that refer to it, stopped ones included. */
    usedBy: z.array(z.string()),
  }),
});
export type Volume = z.output<typeof Volume>;

export const PruneVolumesRequest = z.strictObject({
  /** `label=KEY[=VALUE]`, `label!=KEY[=VALUE]`. */
  filters: z.array(z.string()).default([]),
});
export const PruneVolumesReply = z.strictObject({
  removed: z.array(z.string()),
  /** By what the host's file system has allocated. */
  reclaimedBytes: bytes,
});
export type PruneVolumesReply = z.output<typeof PruneVolumesReply>;

export const CloneVolumeRequest = z.strictObject({ target: z.string() });
export const ResizeVolumeRequest = z.strictObject({ sizeBytes: bytes });

export const VolumeCheck = z.strictObject({
  name: z.string(),
  clean: z.boolean(),
  /** Sentences. */
  problems: z.array(z.string()),
  /** Transactions of the journal that were brought to their place first, as a mount does. */
  recovered: z.int(),
  /** What was looked at. */
  inodes: z.int(),
  /** Whether e2fsck has looked too; it is used where it is installed. */
  e2fsck: z.boolean(),
});
export type VolumeCheck = z.output<typeof VolumeCheck>;
