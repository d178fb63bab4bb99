import type { DatabaseSync } from "node:sqlite";
import type { Digest, Reference } from "../oci/mod.ts";

/** Repositories that are remembered for one blob and host. */
const MOST = 4;

/** Which repositories have which blobs, as far as pulls and pushes have seen. */
export class BlobSources {
  #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Only a hint: a database that cannot be written to is no reason to fail. */
  add({ domain, path }: Pick<Reference, "domain" | "path">, digests: Iterable<Digest>): void {
    const insert = this.#db.prepare(
      `INSERT INTO blob_sources (digest, host, repository, seen_ms) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET seen_ms = excluded.seen_ms`,
    );
    const trim = this.#db.prepare(
      `DELETE FROM blob_sources WHERE digest = ? AND host = ? AND repository NOT IN (
         SELECT repository FROM blob_sources WHERE digest = ? AND host = ?
         ORDER BY seen_ms DESC LIMIT ${MOST})`,
    );
    this.#inOneStep(() => {
      for (const digest of digests) {
        insert.run(digest, domain, path, Date.now());
        trim.run(digest, domain, digest, domain);
      }
    });
  }

  /** Another repository of the same registry that has the blob, the one seen last. */
  other(digest: Digest, { domain, path }: Pick<Reference, "domain" | "path">): string | undefined {
    const row = this.#db.prepare(
      `SELECT repository FROM blob_sources WHERE digest = ? AND host = ? AND repository <> ?
       ORDER BY seen_ms DESC LIMIT 1`,
    ).get(digest, domain, path);
    return typeof row?.["repository"] === "string" ? row["repository"] : undefined;
  }

  forget(digests: Iterable<Digest>): void {
    const remove = this.#db.prepare("DELETE FROM blob_sources WHERE digest = ?");
    this.#inOneStep(() => {
      for (const digest of digests) remove.run(digest);
    });
  }

  #inOneStep(work: () => void): void {
    try {
      this.#db.exec("BEGIN IMMEDIATE");
    } catch {
      return; // busy, or full
    }
    try {
      work();
      this.#db.exec("COMMIT");
    } catch {
      this.#db.exec("ROLLBACK");
    }
  }
}
