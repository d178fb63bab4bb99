import { z } from "zod";
import { CtrError, formatSize } from "../core/mod.ts";
import { isIndexType, isManifestType, MEDIA_TYPE } from "./media_types.ts";
import {
  ConfigSchema,
  type ImageConfig,
  type Index,
  IndexSchema,
  type Manifest,
  ManifestSchema,
  MAX_CONFIG_BYTES,
  MAX_MANIFEST_BYTES,
} from "./schemas.ts";

const NamedType = z.object({
  schemaVersion: z.unknown().optional(),
  mediaType: z.string().nullish(),
  manifests: z.unknown().optional(),
  layers: z.unknown().optional(),
});

/** What a reference can lead to, told apart by its media type. */
export type Target =
  | { readonly kind: "index"; readonly mediaType: string; readonly index: Index }
  | { readonly kind: "manifest"; readonly mediaType: string; readonly manifest: Manifest };

/**
 * Reads a JSON document that came from outside.
 *
 * @param what Completes "cannot read …" for the user, for example `the manifest of alpine`.
 * @param limit Bytes.
 * @throws {CtrError} `too-large` over `limit`, `bad-data` if it is not what `schema` says.
 */
export function parseDocument<T extends z.ZodType>(
  bytes: Uint8Array,
  schema: T,
  what: string,
  limit: number,
): z.infer<T> {
  if (bytes.length > limit) {
    throw new CtrError(
      "too-large",
      `cannot read ${what}: it has ${formatSize(bytes.length)}, more than ${formatSize(limit)}`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CtrError("bad-data", `cannot read ${what}: it is not JSON`, { cause });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const at = issue && issue.path.length > 0 ? `${issue.path.join(".").slice(0, 80)}: ` : "";
  throw new CtrError("bad-data", `cannot read ${what}: ${at}${phrase(issue?.message)}`, {
    cause: result.error,
  });
}

function phrase(message = "it has an unknown form"): string {
  return message.slice(0, 160).replace(/^[A-Z]/, (letter) => letter.toLowerCase());
}

/**
 * Reads an index or a manifest.
 *
 * @param mediaType As the registry or the descriptor says. Where the document names one too, they
 * must agree: a document that is two things at once has fooled scanners before.
 */
export function parseTarget(bytes: Uint8Array, mediaType: string, what: string): Target {
  const named = parseDocument(bytes, NamedType, what, MAX_MANIFEST_BYTES);
  if (named.schemaVersion === 1) {
    throw new CtrError("unsupported", `cannot read ${what}: Docker's manifest schema 1 is too old`);
  }
  const known = isIndexType(mediaType) || isManifestType(mediaType);
  if (known && named.mediaType && named.mediaType !== mediaType) {
    throw new CtrError(
      "bad-data",
      `cannot read ${what}: it says "${named.mediaType.slice(0, 120)}" where "${mediaType}" is due`,
    );
  }
  if (named.manifests !== undefined && named.layers !== undefined) {
    throw new CtrError("bad-data", `cannot read ${what}: it is an index and a manifest at once`);
  }
  const guessed = named.manifests !== undefined ? MEDIA_TYPE.index : MEDIA_TYPE.manifest;
  const type = known ? mediaType : named.mediaType ?? guessed;
  if (isIndexType(type)) {
    return {
      kind: "index",
      mediaType: type,
      index: parseDocument(bytes, IndexSchema, what, MAX_MANIFEST_BYTES),
    };
  }
  if (isManifestType(type)) {
    return {
      kind: "manifest",
      mediaType: type,
      manifest: parseDocument(bytes, ManifestSchema, what, MAX_MANIFEST_BYTES),
    };
  }
  throw new CtrError(
    "unsupported",
    `cannot read ${what}: "${type.slice(0, 120)}" is neither an index nor a manifest`,
  );
}

export function parseImageConfig(bytes: Uint8Array, what: string): ImageConfig {
  return parseDocument(bytes, ConfigSchema, what, MAX_CONFIG_BYTES);
}
