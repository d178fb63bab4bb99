import type { DatabaseSync } from "node:sqlite";

/** Creates this folder's tables. Safe to call at every start. */
export function migrate(db: DatabaseSync): void {
  db.exec(`
    CREATE TABLE IF NOT EXISTS images (
      reference  TEXT PRIMARY KEY NOT NULL,
      digest     TEXT NOT NULL,
      descriptor TEXT NOT NULL,
      created_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS images_digest ON images (digest);
  `);
}
