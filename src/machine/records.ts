import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { z } from "zod";
import { HomeMount, HostUser } from "../api/mod.ts";
import { CtrError, migrate } from "../core/mod.ts";
import type { MachineConfig, MachineRecord } from "./types.ts";

/** Each entry takes the table from its index to the next version. Entries are never changed. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE machines (
     name         TEXT PRIMARY KEY NOT NULL,
     container    TEXT NOT NULL UNIQUE,
     is_default   INTEGER NOT NULL DEFAULT 0,
     config       TEXT NOT NULL
   ) STRICT`,
];

const Config = z.object({
  user: HostUser,
  homeMount: HomeMount,
  init: z.enum(["systemd", "vminitd"]),
  provision: z.string().optional(),
  found: z.object({ shell: z.string(), locale: z.string() }).optional(),
});

/** The machines of one home, in SQLite. A row is written when the container is there, and goes before it. */
export class MachineRecords {
  readonly #db: DatabaseSync;

  /** @throws {CtrError} `unsupported` if a newer ctr wrote the table. */
  constructor(db: DatabaseSync) {
    this.#db = db;
    migrate(db, "machines", MIGRATIONS);
  }

  /** By name. */
  all(): MachineRecord[] {
    return this.#db.prepare("SELECT * FROM machines ORDER BY name").all().map(fromRow);
  }

  get(name: string): MachineRecord | undefined {
    const row = this.#db.prepare("SELECT * FROM machines WHERE name = ?").get(name);
    return row && fromRow(row);
  }

  default(): MachineRecord | undefined {
    const row = this.#db.prepare("SELECT * FROM machines WHERE is_default = 1").get();
    return row && fromRow(row);
  }

  /** The first one becomes the default. */
  insert(name: string, containerId: string, config: MachineConfig): void {
    this.#db.prepare(
      `INSERT INTO machines (name, container, is_default, config)
       VALUES (?, ?, NOT EXISTS (SELECT 1 FROM machines), ?)`,
    ).run(name, containerId, JSON.stringify(config));
  }

  configure(name: string, config: MachineConfig): void {
    this.#db.prepare("UPDATE machines SET config = ? WHERE name = ?")
      .run(JSON.stringify(config), name);
  }

  setDefault(name: string): void {
    this.#db.prepare("UPDATE machines SET is_default = (name = ?)").run(name);
  }

  rename(name: string, target: string): void {
    this.#db.prepare("UPDATE machines SET name = ? WHERE name = ?").run(target, name);
  }

  delete(name: string): void {
    this.#db.prepare("DELETE FROM machines WHERE name = ?").run(name);
  }
}

function fromRow(row: Record<string, SQLOutputValue>): MachineRecord {
  const name = String(row.name);
  try {
    return {
      name,
      containerId: String(row.container),
      isDefault: row.is_default === 1,
      config: Config.parse(JSON.parse(String(row.config))),
    };
  } catch (cause) {
    throw new CtrError("bad-data", `cannot read the record of machine "${name}"`, { cause });
  }
}
