import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { CtrError, migrate } from "../core/mod.ts";
import type { NetworkConfig } from "./types.ts";

/** Each entry takes the tables from its index to the next version. Entries are never changed. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE networks (
     name    TEXT PRIMARY KEY NOT NULL,
     config  TEXT NOT NULL
   ) STRICT;
   CREATE TABLE leases (
     network  TEXT NOT NULL REFERENCES networks (name) ON DELETE CASCADE,
     name     TEXT NOT NULL,
     place    INTEGER NOT NULL,
     used     INTEGER NOT NULL,
     PRIMARY KEY (network, name),
     UNIQUE (network, place)
   ) STRICT`,
];

const Config = z.object({
  name: z.string(),
  createdAt: z.iso.datetime(),
  driver: z.enum(["user", "bridge"]),
  ipv4: z.string().optional(),
  ipv6: z.string().optional(),
  mtu: z.int(),
  internal: z.boolean(),
  hostAccess: z.boolean(),
  labels: z.record(z.string(), z.string()),
  options: z.record(z.string(), z.string()),
  egress: z.object({
    default: z.enum(["allow", "deny"]),
    allow: z.array(
      z.object({ name: z.string().optional(), range: z.string().optional(), port: z.int() }),
    ),
  }).optional(),
});

/** The place that a container's name has in a network. */
export interface Lease {
  readonly name: string;
  readonly place: bigint;
  /** Counts up: the least was used longest ago. */
  readonly used: number;
}

/** The networks of one home and the leases in them, in SQLite. */
export class NetworkRecords {
  readonly #db: DatabaseSync;
  readonly #configs = new Map<string, NetworkConfig>();

  /** @throws {CtrError} `unsupported` if a newer ctr wrote the tables; `bad-data`. */
  constructor(db: DatabaseSync) {
    this.#db = db;
    migrate(db, "networks", MIGRATIONS);
    for (const { name, config } of db.prepare("SELECT name, config FROM networks").all()) {
      this.#configs.set(String(name), parseConfig(String(config), String(name)));
    }
  }

  get(name: string): NetworkConfig | undefined {
    return this.#configs.get(name);
  }

  /** By name. */
  all(): NetworkConfig[] {
    return [...this.#configs.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  }

  insert(config: NetworkConfig): void {
    this.#db.prepare("INSERT INTO networks (name, config) VALUES (?, ?)")
      .run(config.name, JSON.stringify(config));
    this.#configs.set(config.name, config);
  }

  /** With its leases. */
  delete(name: string): void {
    this.#db.prepare("DELETE FROM networks WHERE name=?").run(name);
    this.#configs.delete(name);
  }

  leases(network: string): Lease[] {
    return this.#db.prepare("SELECT name, place, used FROM leases WHERE network=? ORDER BY used")
      .all(network).map(({ name, place, used }) => ({
        name: String(name),
        place: BigInt(Number(place)),
        used: Number(used),
      }));
  }

  /** Gives a place to a name, and takes it from whoever had it. */
  lease(network: string, name: string, place: bigint): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      const [row] = this.#db.prepare("SELECT MAX(used) AS used FROM leases WHERE network=?")
        .all(network);
      this.#db.prepare("DELETE FROM leases WHERE network=? AND (place=? OR name=?)")
        .run(network, place, name);
      this.#db.prepare("INSERT INTO leases VALUES (?, ?, ?, ?)")
        .run(network, name, place, Number(row?.used ?? 0) + 1);
      this.#db.exec("COMMIT");
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  /** A container has another name, and keeps its place. */
  renameLeases(from: string, to: string): void {
    this.#db.prepare("DELETE FROM leases WHERE name=?").run(to);
    this.#db.prepare("UPDATE leases SET name=? WHERE name=?").run(to, from);
  }
}

function parseConfig(text: string, name: string): NetworkConfig {
  try {
    return Config.parse(JSON.parse(text)) as NetworkConfig;
  } catch (cause) {
    throw new CtrError("bad-data", `cannot read the record of network "${name}"`, { cause });
  }
}
