import { z } from "zod";

const bytes = z.int().nonnegative();

/** One object of `system df --verbose`. */
export const ObjectUsage = z.strictObject({
  name: z.string(),
  /** A container uses it, or it runs itself. */
  active: z.boolean(),
  sizeInBytes: bytes,
  logicalInBytes: bytes,
  /** Of an image: what it shares with others, which goes with the last of them. */
  sharedInBytes: bytes.optional(),
  createdAt: z.iso.datetime(),
});
export type ObjectUsage = z.output<typeof ObjectUsage>;

export const VerboseDf = z.strictObject({
  images: z.array(ObjectUsage),
  containers: z.array(ObjectUsage),
  volumes: z.array(ObjectUsage),
  buildCache: z.array(ObjectUsage),
});
export type VerboseDf = z.output<typeof VerboseDf>;

export const SystemPruneRequest = z.strictObject({
  /** Named images that no container uses go too. */
  all: z.boolean().default(false),
  /** Volumes that no container refers to go too. */
  volumes: z.boolean().default(false),
  /** `until=TIME` (not of volumes), `label=KEY[=VALUE]`, `label!=KEY[=VALUE]`. */
  filters: z.array(z.string()).default([]),
});

export const SystemPruneReply = z.strictObject({
  /** IDs. */
  containers: z.array(z.string()),
  networks: z.array(z.string()).default([]),
  volumes: z.array(z.string()),
  /** References that were forgotten, and digests of blobs that were deleted. */
  untagged: z.array(z.string()),
  deleted: z.array(z.string()),
  /** IDs of records of the build cache. */
  buildCache: z.array(z.string()).default([]),
  /** By what the host's file system has allocated. */
  reclaimedBytes: bytes,
});
export type SystemPruneReply = z.output<typeof SystemPruneReply>;

export const SystemCheckRequest = z.strictObject({ repair: z.boolean().default(false) });

export const SystemCheck = z.strictObject({
  /** Sentences about what is wrong, after what was repaired. */
  problems: z.array(z.string()),
  /** Sentences about what was wrong. */
  repaired: z.array(z.string()),
});
export type SystemCheck = z.output<typeof SystemCheck>;
