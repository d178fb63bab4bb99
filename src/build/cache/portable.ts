/** What of the cache travels: in an image's configuration, bytes of a stranger when it comes back. */
import { z } from "zod";
import { type Digest, isDigest, MAX_CONFIG_BYTES, parseDocument } from "../../oci/mod.ts";
import type { CachedStep } from "./step_cache.ts";

/** The field of a configuration that has the records. */
export const CACHE_FIELD = "sh.ctr.build.cache.v1";

const digest = z.custom<Digest>((value) => typeof value === "string" && isDigest(value));
const MOST_RECORDS = 20_000;

const Records = z.array(z.object({
  key: digest,
  /** Of a layer of the same manifest. Absent: the step has changed nothing. */
  diffId: digest.optional(),
  createdMs: z.number().nonnegative().max(8.64e15),
})).max(MOST_RECORDS);

const Document = z.object({
  rootfs: z.object({ diff_ids: z.array(digest).max(512) }),
  [CACHE_FIELD]: Records.optional(),
});

export interface PortableRecord {
  readonly key: string;
  readonly diffId: Digest | undefined;
  readonly createdMs: number;
}

/** The field of a configuration for steps. */
export function cacheField(steps: Iterable<CachedStep>): Readonly<Record<string, unknown>> {
  const records = [...steps].slice(0, MOST_RECORDS).map(({ key, layer, createdMs }) => ({
    key,
    ...(layer && { diffId: layer.diffId }),
    createdMs,
  }));
  return { [CACHE_FIELD]: records };
}

/** @throws {CtrError} `bad-data` for a document that is none. */
export function readCacheField(
  config: Uint8Array,
): { readonly records: readonly PortableRecord[]; readonly diffIds: readonly Digest[] } {
  const document = parseDocument(config, Document, "the cache's configuration", MAX_CONFIG_BYTES);
  const records = document[CACHE_FIELD] ?? [];
  return {
    records: records.map(({ key, diffId, createdMs }) => ({ key, diffId, createdMs })),
    diffIds: document.rootfs.diff_ids,
  };
}
