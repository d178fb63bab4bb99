/**
 * The formats of the Open Container Initiative and of Docker: references, digests, platforms,
 * media types, and the JSON documents that make up an image.
 *
 * Bytes in, values out; nothing here reads a file or asks a registry.
 *
 * @module
 */
export { chainIds, digestOf, hexOf, isDigest, parseDigest } from "./digest.ts";
export type { Digest } from "./digest.ts";
export {
  DEFAULT_DOMAIN,
  familiarName,
  familiarReference,
  formatReference,
  parseReference,
} from "./reference.ts";
export type { Reference } from "./reference.ts";
export {
  choosePlatform,
  formatPlatform,
  linuxPlatform,
  normalizePlatform,
  parsePlatform,
  samePlatform,
} from "./platform.ts";
export type { Platform } from "./platform.ts";
export {
  isIndexType,
  isManifestType,
  layerCompression,
  MANIFEST_TYPES,
  MEDIA_TYPE,
} from "./media_types.ts";
export type { Compression } from "./media_types.ts";
export {
  ConfigSchema,
  DescriptorSchema,
  IndexSchema,
  LayoutSchema,
  ManifestSchema,
  MAX_CONFIG_BYTES,
  MAX_LAYERS,
  MAX_MANIFEST_BYTES,
} from "./schemas.ts";
export type {
  Descriptor,
  Healthcheck,
  History,
  ImageConfig,
  Index,
  Manifest,
  ProcessConfig,
} from "./schemas.ts";
export { parseDocument, parseImageConfig, parseTarget } from "./documents.ts";
export type { Target } from "./documents.ts";
