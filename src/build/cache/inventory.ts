/** What there is of the cache: listed, measured, pruned. */
import type { DatabaseSync } from "node:sqlite";
import type { BuildCacheRecord, BuildPruneReply, BuildPruneRequest } from "../../api/mod.ts";
import type { Images } from "../../image/mod.ts";
import type { StepRunner } from "../run/types.ts";
import { type CacheFilter, parseFilters } from "./filters.ts";
import type { StepRecord, StepRecords } from "./step_records.ts";

export interface InventoryOptions {
  readonly records: StepRecords;
  readonly images: Images;
  readonly db: DatabaseSync;
  readonly runner: () => StepRunner;
  /** Keys that builds use now. */
  readonly inUse: ReadonlySet<string>;
}

export type Entry = BuildCacheRecord & {
  /** Removes it from the records; files go with `collect`. */
  readonly remove: () => Promise<void> | void;
  readonly logicalBytes: number;
};

export class Inventory {
  readonly #options: InventoryOptions;

  constructor(options: InventoryOptions) {
    this.#options = options;
  }

  async list(filters: readonly string[]): Promise<BuildCacheRecord[]> {
    const keeps = parseFilters(filters);
    const found = (await this.#entries()).filter((entry) => keeps(entry));
    return found.map(({ remove: _, logicalBytes: __, ...record }) => record);
  }

  async usage() {
    const entries = await this.#entries();
    const sum = {
      total: entries.length,
      active: 0,
      sizeInBytes: 0,
      logicalInBytes: 0,
      reclaimable: 0,
    };
    for (const { inUse, shared, sizeInBytes, logicalBytes } of entries) {
      if (inUse) sum.active++;
      if (shared) continue; // the images count it
      sum.sizeInBytes += sizeInBytes;
      sum.logicalInBytes += logicalBytes;
      if (!inUse) sum.reclaimable += sizeInBytes;
    }
    return sum;
  }

  /** The least recently used go first. */
  async prune({ all, filters, keepBytes }: BuildPruneRequest): Promise<BuildPruneReply> {
    const fits: CacheFilter = parseFilters(filters);
    const entries = (await this.#entries()).filter((entry) => !entry.inUse);
    let left = entries.reduce(
      (sum, { shared, sizeInBytes }) => sum + (shared ? 0 : sizeInBytes),
      0,
    );
    const deleted: string[] = [];
    let freed = 0;
    for (const entry of entries) {
      if (keepBytes !== undefined && left <= keepBytes) break;
      if (!all && (entry.shared || entry.type === "internal")) continue;
      if (!fits(entry)) continue;
      await entry.remove();
      deleted.push(entry.id);
      if (entry.type === "exec.cachemount") freed += entry.sizeInBytes;
      if (!entry.shared) left -= entry.sizeInBytes;
    }
    const { reclaimedBytes } = deleted.length > 0
      ? await this.#options.images.collect()
      : { reclaimedBytes: 0 };
    return { deleted, reclaimedBytes: reclaimedBytes + freed };
  }

  async #entries(): Promise<Entry[]> {
    const entries = [...await this.#steps(), ...await this.#caches(), ...this.#trees()];
    return entries.sort((a, b) => a.lastUsedAt < b.lastUsedAt ? -1 : 1);
  }

  async #steps(): Promise<Entry[]> {
    const { records, images, inUse } = this.#options;
    const all = records.all();
    const layers = all.flatMap(({ layer }) => layer ?? []);
    const costs = new Map(
      (await images.measureLayers(layers)).map((cost, at) => [layers[at]!, cost]),
    );
    const counted = new Set<string>();
    return all.map((record) => {
      const { key, layer } = record;
      const cost = layer && costs.get(layer);
      // Two steps may have given the same layer: it is there once.
      const again = layer !== undefined && counted.has(layer.diffId);
      if (layer) counted.add(layer.diffId);
      return {
        ...factsOf(record),
        type: layer ? "regular" as const : "internal" as const,
        sizeInBytes: again ? 0 : cost?.sizeInBytes ?? 0,
        logicalBytes: again ? 0 : cost?.logicalInBytes ?? 0,
        inUse: inUse.has(key),
        shared: cost?.shared ?? false,
        remove: () => records.remove([key]),
      };
    });
  }

  async #caches(): Promise<Entry[]> {
    const runner = this.#options.runner();
    return (await runner.caches()).map((cache) => ({
      id: `${cache.id}@${cache.architecture}`,
      type: "exec.cachemount" as const,
      description: `cache mount ${cache.id} (${cache.architecture})`,
      parents: [],
      sizeInBytes: cache.sizeBytes,
      logicalBytes: cache.sizeBytes,
      createdAt: cache.createdAt.toISOString(),
      lastUsedAt: cache.lastUsedAt.toISOString(),
      usageCount: 0,
      inUse: cache.inUse,
      shared: false,
      remove: async () => {
        await runner.removeCaches([{ id: cache.id, architecture: cache.architecture }]);
      },
    }));
  }

  /** Digests of contexts: rows of the database, small ones. */
  #trees(): Entry[] {
    const { db } = this.#options;
    const rows = db.prepare(
      "SELECT tree, count(*) AS files, sum(length(path) + 80) AS bytes, created_ms, used_ms, uses " +
        "FROM build_files LEFT JOIN build_trees USING (tree) GROUP BY tree",
    ).all();
    return rows.map((row) => {
      const tree = String(row["tree"]);
      const isFolder = tree.startsWith("folder:");
      const bytes = Number(row["bytes"]);
      return {
        id: tree.slice(0, 200),
        type: isFolder ? "source.local" as const : "internal" as const,
        description: isFolder
          ? `digests of ${row["files"]} files of ${tree.slice("folder:".length)}`
          : `digests of ${row["files"]} files of disks`,
        parents: [],
        sizeInBytes: bytes,
        logicalBytes: bytes,
        createdAt: new Date(Number(row["created_ms"] ?? 0)).toISOString(),
        lastUsedAt: new Date(Number(row["used_ms"] ?? 0)).toISOString(),
        usageCount: Number(row["uses"] ?? 0),
        inUse: false,
        shared: false,
        remove: () => {
          db.prepare("DELETE FROM build_files WHERE tree = ?").run(tree);
          db.prepare("DELETE FROM build_trees WHERE tree = ?").run(tree);
        },
      };
    });
  }
}

function factsOf({ key, description, parent, createdMs, usedMs, uses }: StepRecord) {
  return {
    id: key.replace(/^sha256:/, ""),
    description,
    parents: parent === "" ? [] : [parent],
    createdAt: new Date(createdMs).toISOString(),
    lastUsedAt: new Date(usedMs).toISOString(),
    usageCount: uses,
  };
}
