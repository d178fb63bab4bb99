/** Tables of the cache. Steps are only added: see `migrate` of core. */
export const MIGRATIONS: readonly string[] = [
  `
    -- What steps have given, by their key. AUTOINCREMENT: a row's id tells that there is a new one.
    CREATE TABLE build_steps (
      id          INTEGER PRIMARY KEY AUTOINCREMENT,
      key         TEXT NOT NULL UNIQUE,
      -- Of the layer; all null for a step that has changed nothing.
      digest      TEXT,
      diff_id     TEXT,
      media_type  TEXT,
      size        INTEGER,
      description TEXT NOT NULL,
      -- Key of the step before it, or the chain ID that it began with.
      parent      TEXT NOT NULL,
      created_ms  INTEGER NOT NULL,
      used_ms     INTEGER NOT NULL,
      uses        INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX build_steps_diff_id ON build_steps (diff_id);
    -- Digests of files that were read before, so that what has not changed is not read again.
    CREATE TABLE build_files (
      tree     TEXT NOT NULL,
      path     TEXT NOT NULL,
      size     INTEGER NOT NULL,
      mtime_ms INTEGER NOT NULL,
      ctime_ms INTEGER NOT NULL,
      inode    INTEGER NOT NULL,
      digest   BLOB NOT NULL,
      PRIMARY KEY (tree, path)
    ) STRICT, WITHOUT ROWID;
`,
  `
    -- When trees of build_files were looked at.
    CREATE TABLE build_trees (
      tree       TEXT PRIMARY KEY NOT NULL,
      created_ms INTEGER NOT NULL,
      used_ms    INTEGER NOT NULL,
      uses       INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
`,
];
