import { z } from "zod";
import { CallerEnvironment, platformText } from "./schemas.ts";

const scheme = z.enum(["http", "https", "auto"]).default("auto");
const atOnce = z.int().min(1).max(64).optional();

export const PushRequest = z.strictObject({
  reference: z.string(),
  platform: platformText.optional(),
  allTags: z.boolean().default(false),
  referrers: z.boolean().default(false),
  scheme,
  maxConcurrentUploads: atOnce,
  environment: CallerEnvironment.optional(),
});
export type PushRequest = z.output<typeof PushRequest>;

export const ConvertRequest = z.strictObject({
  source: z.string(),
  target: z.string(),
  compression: z.enum(["none", "gzip", "zstd"]).optional(),
  format: z.enum(["oci", "docker"]).optional(),
  platform: platformText.optional(),
});
export type ConvertRequest = z.output<typeof ConvertRequest>;

export const DiffRequest = z.strictObject({
  a: z.string(),
  b: z.string(),
  platform: platformText.optional(),
});
export type DiffRequest = z.output<typeof DiffRequest>;

export const SaveRequest = z.strictObject({
  references: z.array(z.string()).min(1),
  format: z.enum(["oci", "docker"]).default("oci"),
  platform: platformText.optional(),
  compression: z.enum(["none", "gzip", "zstd"]).default("none"),
});
export type SaveRequest = z.output<typeof SaveRequest>;

export const ImagePruneRequest = z.strictObject({
  all: z.boolean().default(false),
  /** Only images that have been here since before this time. */
  until: z.iso.datetime().optional(),
  /** Only images with these labels; without a value, any value will do. */
  labels: z.array(z.strictObject({
    name: z.string(),
    value: z.string().optional(),
    /** True: only images without it. */
    not: z.boolean().default(false),
  })).default([]),
});
export type ImagePruneRequest = z.output<typeof ImagePruneRequest>;

/** A step of an image's making, the last one first. */
export const ImageStep = z.strictObject({
  created: z.string().optional(),
  createdBy: z.string(),
  comment: z.string(),
  size: z.int().nonnegative(),
  layer: z.string().optional(),
});
export type ImageStep = z.output<typeof ImageStep>;

export const ImageDifference = z.strictObject({
  files: z.array(z.strictObject({
    kind: z.enum(["added", "changed", "deleted"]),
    path: z.string(),
  })),
  config: z.array(z.strictObject({ field: z.string(), before: z.unknown(), after: z.unknown() })),
});
export type ImageDifference = z.output<typeof ImageDifference>;

/** An image that was pulled, pushed, loaded, converted or imported. */
export const NamedDigest = z.looseObject({
  reference: z.string(),
  familiar: z.string(),
  digest: z.string(),
});
export type NamedDigest = z.output<typeof NamedDigest>;
