import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Opens the database of a home. Every commit is on the disk when it returns. */
export function openState(home: string): DatabaseSync {
  const db = new DatabaseSync(join(home, "state.db"));
  db.exec("PRAGMA busy_timeout = 5000");
  db.exec("PRAGMA journal_mode = WAL");
  db.exec("PRAGMA synchronous = FULL");
  db.exec("PRAGMA fullfsync = ON"); // macOS: past the drive's cache; elsewhere it means nothing
  db.exec("PRAGMA foreign_keys = ON");
  db.exec("PRAGMA cache_size = -1024");
  return db;
}

/**
 * The same database for what need not outlast a power cut: a commit is in the system's hands when it
 * returns, so a killed engine loses none, and costs no wait for the disk.
 */
export function openEventState(home: string): DatabaseSync {
  const db = new DatabaseSync(join(home, "state.db"));
  db.exec("PRAGMA busy_timeout = 5000");
  db.exec("PRAGMA synchronous = NORMAL");
  db.exec("PRAGMA cache_size = -256");
  return db;
}
