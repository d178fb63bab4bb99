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
    -- Repositories that were seen to have a blob: a push mounts it from there.
    CREATE TABLE IF NOT EXISTS blob_sources (
      digest     TEXT NOT NULL,
      host       TEXT NOT NULL,
      repository TEXT NOT NULL,
      seen_ms    INTEGER NOT NULL,
      PRIMARY KEY (digest, host, repository)
    ) STRICT, WITHOUT ROWID;
  `);
}
