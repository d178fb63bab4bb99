import type { DatabaseSync, StatementSync } from "node:sqlite";
import { CtrError, migrate } from "../core/mod.ts";
import { configOf, restartOf } from "./stored_config.ts";
import type { ContainerConfig, ContainerRecord } from "./types.ts";

/** Each entry takes the tables from its index to the next version. Entries are never changed. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE containers (
     id       TEXT PRIMARY KEY NOT NULL,
     name     TEXT NOT NULL UNIQUE,
     config   TEXT NOT NULL,
     run      INTEGER NOT NULL DEFAULT 0,
     started  TEXT,
     exit     TEXT
   ) STRICT`,
  `ALTER TABLE containers ADD COLUMN restart TEXT;
   ALTER TABLE containers ADD COLUMN health TEXT;`,
];

/**
 * The containers of one home, in SQLite; read once, written through.
 *
 * A row is inserted when a container's files are there and deleted before they go, so a folder
 * without a row is what a killed engine left, and may be removed.
 */
export class ContainerRecords {
  readonly #db: DatabaseSync;
  readonly #records = new Map<string, ContainerRecord>();
  readonly #update: StatementSync;

  /** @throws {CtrError} `unsupported` if a newer ctr wrote the tables. */
  constructor(db: DatabaseSync) {
    this.#db = db;
    migrate(db, "containers", MIGRATIONS);
    this.#update = db.prepare(
      "UPDATE containers SET run=?, started=?, exit=?, restart=?, health=? WHERE id=?",
    );
    for (const row of db.prepare("SELECT * FROM containers").all()) {
      const record = fromRow(row);
      this.#records.set(record.config.id, record);
    }
  }

  get(id: string): ContainerRecord | undefined {
    return this.#records.get(id);
  }

  all(): IterableIterator<ContainerRecord> {
    return this.#records.values();
  }

  hasName(name: string): boolean {
    return this.#records.values().some(({ config }) => config.name === name);
  }

  /** @throws {CtrError} `exists` if the name is taken. */
  insert(config: ContainerConfig): void {
    if (this.hasName(config.name)) {
      throw new CtrError("exists", `cannot create "${config.name}": the name is taken`, {
        hint: `remove the other one with: ctr rm ${config.name}`,
      });
    }
    this.#db.prepare("INSERT INTO containers (id, name, config) VALUES (?, ?, ?)")
      .run(config.id, config.name, JSON.stringify(config));
    this.#records.set(config.id, { config, run: 0 });
  }

  /** What throws because the disk is full holds for this engine nevertheless: it has happened. */
  update(id: string, change: Partial<Omit<ContainerRecord, "config">>): ContainerRecord {
    const record = { ...this.#records.get(id)!, ...change };
    this.#records.set(id, record);
    this.#update.run(
      record.run,
      text(record.started),
      text(record.exit),
      text(record.restart),
      text(record.health),
      id,
    );
    return record;
  }

  /** Changes what it was created with. @throws {CtrError} `exists` if another has the name. */
  configure(id: string, config: ContainerConfig): void {
    const record = this.#records.get(id)!;
    if (config.name !== record.config.name && this.hasName(config.name)) {
      throw new CtrError(
        "exists",
        `cannot rename "${record.config.name}": the name "${config.name}" is taken`,
        { hint: `remove the other one with: ctr rm ${config.name}` },
      );
    }
    this.#db.prepare("UPDATE containers SET name=?, config=? WHERE id=?")
      .run(config.name, JSON.stringify(config), id);
    this.#records.set(id, { ...record, config });
  }

  delete(id: string): void {
    this.#db.prepare("DELETE FROM containers WHERE id=?").run(id);
    this.#records.delete(id);
  }
}

function fromRow(row: Record<string, unknown>): ContainerRecord {
  const parsed = (name: string) => row[name] === null ? undefined : JSON.parse(row[name] as string);
  return {
    config: configOf(parsed("config")),
    run: row.run as number,
    started: parsed("started"),
    exit: parsed("exit"),
    restart: restartOf(parsed("restart")),
    health: parsed("health"),
  };
}

function text(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
