import type { DatabaseSync } from "node:sqlite";
import { CtrError } from "./errors.ts";

/**
 * Brings the tables of one domain to their newest version. Each domain counts its own: they share a database.
 *
 * @param domain By which the version is kept.
 * @param steps SQL that takes the tables from its index to the next version. Steps are never changed, only added.
 * @throws {CtrError} `unsupported` if a newer ctr wrote the tables.
 */
export function migrate(db: DatabaseSync, domain: string, steps: readonly string[]): void {
  db.exec(
    "CREATE TABLE IF NOT EXISTS schema_versions (domain TEXT PRIMARY KEY, version INTEGER) STRICT",
  );
  const row = db.prepare("SELECT version FROM schema_versions WHERE domain = ?").get(domain);
  const version = Number(row?.version ?? 0);
  if (version > steps.length) {
    throw new CtrError("unsupported", "cannot open state.db: a newer ctr has written it", {
      hint: "run that version, or set CTR_HOME to another folder",
    });
  }
  if (version === steps.length) return;
  db.exec("BEGIN IMMEDIATE");
  try {
    for (const step of steps.slice(version)) db.exec(step);
    db.prepare("INSERT OR REPLACE INTO schema_versions VALUES (?, ?)").run(domain, steps.length);
    db.exec("COMMIT");
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}
