import { z } from "zod";
import type { Digest } from "./digest.ts";
import { isDigest } from "./digest.ts";

/** Limits of what one document may hold. A registry is a stranger. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
export const MAX_CONFIG_BYTES = 8 * 1024 * 1024;
export const MAX_LAYERS = 512;
const MAX_INDEX_ENTRIES = 2048;
/** 1 TiB: more than any layer, and far from where doubles lose bytes. */
const MAX_BLOB_BYTES = 2 ** 40;

const digest = z.custom<Digest>(
  (value) => typeof value === "string" && isDigest(value),
  "want sha256:<64 hex digits>",
);
const annotations = z.record(z.string(), z.string());

/** `null` and absent mean the same in documents that Go programs write. */
function optional<T extends z.ZodType>(schema: T) {
  return schema.nullish().transform((value) => value ?? undefined).optional();
}

const platform = z.object({
  os: z.string().max(64).default("linux"),
  architecture: z.string().max(64),
  variant: optional(z.string().max(64)),
  "os.version": optional(z.string()),
});

export const DescriptorSchema = z.object({
  mediaType: z.string().max(255),
  digest,
  size: z.int().min(0).max(MAX_BLOB_BYTES),
  annotations: optional(annotations),
  platform: optional(platform),
  artifactType: optional(z.string().max(255)),
  urls: optional(z.array(z.string())),
});

export const ManifestSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: optional(z.string().max(255)),
  artifactType: optional(z.string().max(255)),
  config: DescriptorSchema,
  layers: z.array(DescriptorSchema).max(MAX_LAYERS),
  annotations: optional(annotations),
  subject: optional(DescriptorSchema),
});

export const IndexSchema = z.object({
  schemaVersion: z.literal(2),
  mediaType: optional(z.string().max(255)),
  manifests: z.array(DescriptorSchema).max(MAX_INDEX_ENTRIES),
  annotations: optional(annotations),
});

/** The set notation of Go: `{"80/tcp": {}}`. */
const set = z.record(z.string(), z.unknown()).transform((value) => Object.keys(value));
const strings = z.array(z.string());
/** Nanoseconds, as Go counts them; zero means the default. */
const nanoseconds = z.number().nonnegative();

export const HealthcheckSchema = z.object({
  Test: optional(strings),
  Interval: optional(nanoseconds),
  Timeout: optional(nanoseconds),
  StartPeriod: optional(nanoseconds),
  StartInterval: optional(nanoseconds),
  Retries: optional(z.int()),
});

export const ProcessSchema = z.object({
  User: optional(z.string()),
  Env: optional(strings),
  Entrypoint: optional(strings),
  Cmd: optional(strings),
  WorkingDir: optional(z.string()),
  StopSignal: optional(z.string()),
  Volumes: optional(set),
  ExposedPorts: optional(set),
  Labels: optional(z.record(z.string(), z.string())),
  Healthcheck: optional(HealthcheckSchema),
  Shell: optional(strings),
  OnBuild: optional(strings),
  ArgsEscaped: optional(z.boolean()),
});

export const HistorySchema = z.object({
  created: optional(z.string()),
  created_by: optional(z.string()),
  author: optional(z.string()),
  comment: optional(z.string()),
  empty_layer: optional(z.boolean()),
});

export const ConfigSchema = z.object({
  architecture: z.string().max(64).default(""),
  os: z.string().max(64).default("linux"),
  variant: optional(z.string().max(64)),
  created: optional(z.string()),
  author: optional(z.string()),
  config: optional(ProcessSchema),
  rootfs: z.object({ type: z.literal("layers"), diff_ids: z.array(digest).max(MAX_LAYERS) }),
  history: optional(z.array(HistorySchema)),
});

export const LayoutSchema = z.object({ imageLayoutVersion: z.literal("1.0.0") });

export type Descriptor = Readonly<z.infer<typeof DescriptorSchema>>;
export type Manifest = Readonly<z.infer<typeof ManifestSchema>>;
export type Index = Readonly<z.infer<typeof IndexSchema>>;
export type ProcessConfig = Readonly<z.infer<typeof ProcessSchema>>;
export type Healthcheck = Readonly<z.infer<typeof HealthcheckSchema>>;
export type History = Readonly<z.infer<typeof HistorySchema>>;
export type ImageConfig = Readonly<z.infer<typeof ConfigSchema>>;
