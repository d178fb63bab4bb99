import { CtrError } from "../../core/mod.ts";
import type { HeldFolder } from "../../host/mod.ts";

/** What a folder shall be when everything is in it. */
export interface FolderMetadata {
  readonly mode: number;
  /** Seconds since 1970. */
  readonly time: number;
  readonly uid?: number;
  readonly gid?: number;
}

interface Level {
  readonly name: string;
  readonly folder: HeldFolder;
  metadata: FolderMetadata | undefined;
  /** Where we did not make it: what its times were before we came. */
  readonly before: { readonly atimeMs: number; readonly mtimeMs: number } | undefined;
}

/**
 * The folders from the root to where an archive has got to, each held open. A folder that is left gets its
 * mode and times then: archives have what is in a folder behind it, so memory does not grow with the tree.
 */
export class FolderStack implements Disposable {
  readonly #root: HeldFolder;
  readonly #levels: Level[] = [];

  constructor(root: HeldFolder) {
    this.#root = root;
  }

  /** Goes to a folder, leaving others. What is missing on the way is made. */
  reach(parts: readonly string[]): HeldFolder {
    let common = 0;
    while (common < parts.length && this.#levels[common]?.name === parts[common]) common++;
    while (this.#levels.length > common) this.#leave();
    for (const name of parts.slice(common)) this.#enter(name, 0o755);
    return this.#top;
  }

  /** Goes to a folder that an archive describes. @throws {CtrError} `conflict` if it is something else. */
  enter(parts: readonly string[], metadata: FolderMetadata): void {
    const name = parts.at(-1)!;
    this.reach(parts.slice(0, -1));
    this.#enter(name, metadata.mode & 0o777 | 0o700);
    this.#levels.at(-1)!.metadata = metadata;
  }

  /** Does `work` in a folder that is there, without going to it. */
  within(parts: readonly string[], work: (folder: HeldFolder) => void): void {
    const held: HeldFolder[] = [];
    try {
      let at = this.#root;
      for (const name of parts) held.push(at = at.enter(name));
      work(at);
    } finally {
      for (const folder of held) folder[Symbol.dispose]();
    }
  }

  leaveAll(): void {
    while (this.#levels.length > 0) this.#leave();
  }

  /** Lets go of everything, as it is. */
  [Symbol.dispose](): void {
    for (const { folder } of this.#levels.splice(0)) folder[Symbol.dispose]();
  }

  get #top(): HeldFolder {
    return this.#levels.at(-1)?.folder ?? this.#root;
  }

  #enter(name: string, mode: number): void {
    const above = this.#top;
    let made = true;
    try {
      Deno.mkdirSync(above.at(name), { mode });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      made = false;
    }
    let folder: HeldFolder;
    try {
      folder = above.enter(name);
    } catch (error) {
      if (!(error instanceof CtrError)) throw error;
      throw new CtrError("conflict", "something that is no folder cannot be replaced by one");
    }
    const before = made ? undefined : folder.stat();
    this.#levels.push({ name, folder, metadata: undefined, before });
  }

  #leave(): void {
    const { folder, metadata, before } = this.#levels.pop()!;
    try {
      if (metadata) {
        const { uid, gid, mode, time } = metadata;
        if (uid !== undefined) folder.chown(uid, gid!);
        folder.chmod(mode);
        setTimes(folder, time, time);
      } else if (before) {
        setTimes(folder, before.atimeMs / 1000, before.mtimeMs / 1000);
      }
    } finally {
      folder[Symbol.dispose]();
    }
  }
}

/** Times that this host cannot hold are no reason to fail. */
function setTimes(folder: HeldFolder, atime: number, mtime: number): void {
  try {
    folder.utime(atime, mtime);
  } catch { /* see above */ }
}
