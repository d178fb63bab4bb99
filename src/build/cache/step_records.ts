/** What steps of builds have given, by their keys. */
import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { type Digest, isDigest } from "../../oci/mod.ts";
import type { CachedLayers } from "../../image/mod.ts";

const digest = z.custom<Digest>((value) => typeof value === "string" && isDigest(value));

const Row = z.object({
  id: z.number(),
  key: z.string(),
  digest: digest.nullable(),
  diff_id: digest.nullable(),
  media_type: z.string().nullable(),
  size: z.number().nullable(),
  description: z.string(),
  parent: z.string(),
  created_ms: z.number(),
  used_ms: z.number(),
  uses: z.number(),
});

/** A layer in the image store. */
export interface StoredLayer {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly mediaType: string;
  readonly size: number;
}

export interface StepRecord {
  readonly key: string;
  /** Undefined: the step has changed nothing. */
  readonly layer: StoredLayer | undefined;
  readonly description: string;
  readonly parent: string;
  readonly createdMs: number;
  readonly usedMs: number;
  readonly uses: number;
}

export class StepRecords implements CachedLayers {
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  find(key: string): StepRecord | undefined {
    return recordOf(this.#db.prepare("SELECT * FROM build_steps WHERE key = ?").get(key));
  }

  all(): StepRecord[] {
    const rows = this.#db.prepare("SELECT * FROM build_steps ORDER BY used_ms, id").all();
    return rows.flatMap((row) => recordOf(row) ?? []);
  }

  /** A newer one takes the place of an older one, whose layer lives as long as somebody uses it. */
  add(record: Pick<StepRecord, "key" | "layer" | "description" | "parent" | "createdMs">): void {
    const { key, layer, description, parent, createdMs } = record;
    this.#db.prepare(
      "INSERT OR REPLACE INTO build_steps (key, digest, diff_id, media_type, size, description, " +
        "parent, created_ms, used_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    ).run(
      key,
      layer?.digest ?? null,
      layer?.diffId ?? null,
      layer?.mediaType ?? null,
      layer?.size ?? null,
      description.slice(0, 1000),
      parent,
      createdMs,
      Date.now(),
    );
  }

  /** Notes uses, all at once: a commit waits for the disk. */
  used(keys: Iterable<string>): void {
    const update = this.#db.prepare(
      "UPDATE build_steps SET used_ms = ?, uses = uses + 1 WHERE key = ?",
    );
    const now = Date.now();
    this.#db.exec("BEGIN IMMEDIATE");
    for (const key of keys) update.run(now, key);
    this.#db.exec("COMMIT");
  }

  remove(keys: Iterable<string>): void {
    const remove = this.#db.prepare("DELETE FROM build_steps WHERE key = ?");
    this.#db.exec("BEGIN IMMEDIATE");
    for (const key of keys) remove.run(key);
    this.#db.exec("COMMIT");
  }

  *layers(): Generator<{ readonly digest: Digest; readonly diffId: Digest }> {
    const rows = this.#db.prepare(
      "SELECT DISTINCT digest, diff_id FROM build_steps WHERE digest IS NOT NULL",
    ).all();
    for (const row of rows) {
      const [digest, diffId] = [String(row["digest"]), String(row["diff_id"])];
      if (isDigest(digest) && isDigest(diffId)) yield { digest, diffId };
    }
  }

  version(): string {
    const row = this.#db.prepare("SELECT max(id) AS last FROM build_steps").get();
    return String(row?.["last"] ?? 0);
  }
}

/** Undefined for a damaged row: the step is run again. */
function recordOf(value: unknown): StepRecord | undefined {
  const row = Row.safeParse(value);
  if (!row.success) return undefined;
  const { digest, diff_id: diffId, media_type: mediaType, size } = row.data;
  const whole = digest && diffId && mediaType && size !== null;
  return {
    key: row.data.key,
    layer: whole ? { digest, diffId, mediaType, size } : undefined,
    description: row.data.description,
    parent: row.data.parent,
    createdMs: row.data.created_ms,
    usedMs: row.data.used_ms,
    uses: row.data.uses,
  };
}
