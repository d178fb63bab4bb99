/** Digests of files' contents, remembered by what the file system says of them. */
import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { digestFiles } from "../../unpack/mod.ts";
import type { SourceNode, SourceTree, Stamp } from "../source/tree.ts";

/**
 * A file may be written to twice within one tick of the file system's clock and keep its time, so a digest is
 * remembered only when the file was left alone for longer than that before it was read. Of the time of change
 * whole seconds are known.
 */
const MTIME_SETTLED_MS = 100;
const CTIME_SETTLED_MS = 1100;
/** From so many files on, all that is remembered of their tree is read at once. */
const MANY = 200;

const Row = z.object({
  path: z.string(),
  size: z.number(),
  mtime_ms: z.number(),
  ctime_ms: z.number(),
  inode: z.number(),
  digest: z.instanceof(Uint8Array),
});
type Row = z.output<typeof Row>;

export class FileDigests {
  readonly #db: DatabaseSync;
  readonly #trees = new Set<string>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /**
   * Hexadecimal SHA-256 of the files among `nodes`. Those that are not remembered are read, in workers.
   *
   * @throws {CtrError} `bad-data` for a file that changes meanwhile.
   */
  async of(
    tree: SourceTree,
    nodes: Iterable<SourceNode>,
    options: { readonly doing: string; readonly signal?: AbortSignal | undefined },
  ): Promise<ReadonlyMap<SourceNode, string>> {
    const files = [...nodes].filter(({ type, size }) => type === "file" && size > 0);
    const found = new Map<SourceNode, string>();
    if (tree.identity !== undefined && files.length > 0) this.#trees.add(tree.identity);
    const known = this.#known(tree.identity, files);
    const unknown: SourceNode[] = [];
    for (const file of files) {
      const row = known(file.path);
      if (row && file.stamp && isSame(row, file.stamp)) found.set(file, hex(row.digest));
      else unknown.push(file);
    }
    if (unknown.length === 0) return found;
    const beganMs = Date.now();
    const wanted = unknown.map(({ path, size, content }) => ({ path, size, content: content! }));
    const digests = await digestFiles(wanted, { ...options, disks: tree.disks });
    for (const [at, file] of unknown.entries()) found.set(file, hex(digests[at]!));
    this.#remember(tree.identity, unknown, digests, beganMs);
    return found;
  }

  /** Notes which trees were looked at, all at once: a commit waits for the disk. */
  used(): void {
    const now = Date.now();
    const note = this.#db.prepare(
      "INSERT INTO build_trees (tree, created_ms, used_ms, uses) VALUES (?1, ?2, ?2, 1) " +
        "ON CONFLICT (tree) DO UPDATE SET used_ms = ?2, uses = uses + 1",
    );
    for (const tree of this.#trees) note.run(tree, now);
    this.#trees.clear();
  }

  #known(
    tree: string | undefined,
    files: readonly SourceNode[],
  ): (path: string) => Row | undefined {
    if (tree === undefined) return () => undefined;
    const columns = "path, size, mtime_ms, ctime_ms, inode, digest";
    if (files.length < MANY) {
      const one = this.#db.prepare(
        `SELECT ${columns} FROM build_files WHERE tree = ? AND path = ?`,
      );
      return (path) => rowOf(one.get(tree, path));
    }
    const rows = new Map<string, Row>();
    const all = this.#db.prepare(`SELECT ${columns} FROM build_files WHERE tree = ?`);
    for (const value of all.iterate(tree)) rows.set(String(value["path"]), value as unknown as Row);
    return (path) => rows.get(path);
  }

  #remember(
    tree: string | undefined,
    files: readonly SourceNode[],
    digests: readonly Uint8Array[],
    beganMs: number,
  ): void {
    if (tree === undefined) return;
    const insert = this.#db.prepare(
      "INSERT OR REPLACE INTO build_files (tree, path, size, mtime_ms, ctime_ms, inode, digest) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      for (const [at, { path, stamp }] of files.entries()) {
        if (!stamp) continue;
        if (stamp.ctimeMs > beganMs - CTIME_SETTLED_MS) continue;
        if (stamp.mtimeMs > beganMs - MTIME_SETTLED_MS) continue;
        const { size, mtimeMs, ctimeMs, inode } = stamp;
        insert.run(tree, path, size, mtimeMs, ctimeMs, inode, digests[at]!);
      }
      this.#db.exec("COMMIT");
    } catch (error) {
      this.#db.exec("ROLLBACK");
      throw error;
    }
  }
}

/** A row that is damaged is one that is not there. */
function rowOf(value: unknown): Row | undefined {
  const row = Row.safeParse(value);
  return row.success ? row.data : undefined;
}

function isSame(row: Row, stamp: Stamp): boolean {
  return row.size === stamp.size && row.mtime_ms === stamp.mtimeMs &&
    row.ctime_ms === stamp.ctimeMs && row.inode === stamp.inode && row.digest.length === 32;
}

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte]!;
  return text;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
