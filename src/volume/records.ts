import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { CtrError, migrate } from "../core/mod.ts";
import type { VolumeConfig } from "./types.ts";

/** Each entry takes the tables from its index to the next version. Entries are never changed. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE volumes (
     name    TEXT PRIMARY KEY NOT NULL,
     config  TEXT NOT NULL
   ) STRICT`,
];

const Config = z.object({
  name: z.string(),
  type: z.enum(["block", "shared"]),
  sizeBytes: z.int().positive().optional(),
  journal: z.object({
    mode: z.enum(["ordered", "writeback", "journal"]),
    sizeBytes: z.int().positive().optional(),
  }).optional(),
  options: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.string()),
  createdAt: z.iso.datetime(),
});

/** @throws {CtrError} `bad-data`. */
export function parseConfig(text: string, where: string): VolumeConfig {
  try {
    return Config.parse(JSON.parse(text)) as VolumeConfig;
  } catch (cause) {
    throw new CtrError("bad-data", `cannot read ${where}: it does not describe a volume`, {
      cause,
    });
  }
}

/**
 * The volumes of one home, in SQLite; read once, written through.
 *
 * A volume's folder is the truth and says all that its row says: a row is inserted when the folder has its
 * name, and deleted when the folder has lost it. Whoever opens the volumes makes the rows agree.
 */
export class VolumeRecords {
  readonly #db: DatabaseSync;
  readonly #configs = new Map<string, VolumeConfig>();

  /** @throws {CtrError} `unsupported` if a newer ctr wrote the tables. */
  constructor(db: DatabaseSync) {
    this.#db = db;
    migrate(db, "volumes", MIGRATIONS);
    for (const row of db.prepare("SELECT name, config FROM volumes").all()) {
      const config = parseConfig(String(row.config), `the record of volume "${row.name}"`);
      this.#configs.set(config.name, config);
    }
  }

  get(name: string): VolumeConfig | undefined {
    return this.#configs.get(name);
  }

  /** By name. */
  all(): VolumeConfig[] {
    return [...this.#configs.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  }

  put(config: VolumeConfig): void {
    this.#db.prepare("INSERT OR REPLACE INTO volumes (name, config) VALUES (?, ?)")
      .run(config.name, JSON.stringify(config));
    this.#configs.set(config.name, config);
  }

  delete(name: string): void {
    this.#db.prepare("DELETE FROM volumes WHERE name=?").run(name);
    this.#configs.delete(name);
  }
}
