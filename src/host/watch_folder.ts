import { basename, join } from "node:path";
import { IN, Inotify, type InotifyEvent } from "./inotify.ts";
import { mergeChanges, type RawChange } from "./merge_changes.ts";

/** What somebody has changed in a folder, paths relative to it. */
export interface FolderChange {
  /** `written`: whoever wrote it has closed it. */
  readonly kind: "create" | "modify" | "attributes" | "delete" | "rename" | "written";
  readonly path: string;
  /** Of a rename. */
  readonly to?: string;
  readonly folder: boolean;
}

export interface WatchOptions {
  /** Folders below it, itself included, that are watched at most; what lies deeper is not. */
  readonly maxFolders: number;
  /** Called with what has changed, gathered for a moment. */
  readonly onChanges: (changes: readonly FolderChange[]) => void;
  /** Called once, when there are more folders than may be watched. */
  readonly onLimit: (why: string) => void;
}

const MASK = IN.MODIFY | IN.ATTRIB | IN.CLOSE_WRITE | IN.MOVED_FROM | IN.MOVED_TO | IN.CREATE |
  IN.DELETE;
/** Changes come in bursts; a listener does not see the difference to none. */
const GATHER_MS = 30;
/** A burst that is larger than this is handed on in parts, and what is read meanwhile waits. */
const BATCH = 4096;

/**
 * Watches a folder with all below it, or a single file, until it is closed. Links are not followed.
 *
 * A folder that appears is looked through, because files may have come before it was watched. Returns
 * when what is there is watched.
 */
export async function watchFolder(path: string, options: WatchOptions): Promise<FolderWatch> {
  const watch = new FolderWatch(path, options);
  await watch.begin();
  return watch;
}

export class FolderWatch {
  readonly #root: string;
  readonly #options: WatchOptions;
  readonly #inotify: Inotify;
  /** Relative, by watch; the root's is empty. */
  readonly #paths = new Map<number, string>();
  readonly #watches = new Map<string, number>();
  #single: string | undefined;
  #gathered: RawChange[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #limited = false;
  #closed = false;

  /** Of `watchFolder()`. */
  constructor(root: string, options: WatchOptions) {
    this.#root = root;
    this.#options = options;
    this.#inotify = new Inotify((events) => this.#take(events));
  }

  async begin(): Promise<void> {
    const info = await Deno.stat(this.#root).catch(() => undefined);
    if (info?.isFile) {
      this.#single = basename(this.#root);
      this.#add(""); // the file, not its folder: what takes its place is not what is shared
    } else {
      await this.#addAll("", () => {});
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#inotify.close();
  }

  /** @returns Whether it was not watched before. */
  #add(path: string): boolean {
    if (this.#watches.has(path)) return false;
    if (this.#watches.size >= this.#options.maxFolders) {
      return this.#limit(`more than ${this.#options.maxFolders} folders`);
    }
    const kinds = this.#single === undefined ? MASK | IN.ONLYDIR | IN.EXCL_UNLINK : MASK;
    const wd = this.#inotify.add(
      join(this.#root, path),
      kinds | (path === "" ? 0 : IN.DONT_FOLLOW),
    );
    if (wd === undefined) return false; // gone again
    if (wd === "full") return this.#limit("the user has no inotify watch left");
    const before = this.#paths.get(wd);
    if (before !== undefined) this.#watches.delete(before); // the same folder under its new name
    this.#paths.set(wd, path);
    this.#watches.set(path, wd);
    return true;
  }

  #limit(why: string): false {
    if (!this.#limited) this.#options.onLimit(why);
    this.#limited = true;
    return false;
  }

  /** @param found Told of each entry below. */
  async #addAll(path: string, found: (path: string, folder: boolean) => void): Promise<void> {
    const pending = [path];
    for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
      if (this.#closed || !this.#add(each) && each !== path) continue;
      try {
        for await (const { name, isDirectory } of Deno.readDir(join(this.#root, each))) {
          const below = join(each, name);
          found(below, isDirectory);
          if (isDirectory) pending.push(below);
        }
      } catch {
        // gone again, or not for us to read
      }
    }
  }

  #take(events: readonly InotifyEvent[]): void {
    for (const { wd, mask, cookie, name } of events) {
      const folder = this.#paths.get(wd);
      if (folder === undefined) continue;
      if (mask & IN.IGNORED) {
        if (this.#watches.get(folder) === wd) this.#watches.delete(folder);
        this.#paths.delete(wd);
        continue;
      }
      const path = this.#single ?? join(folder, name);
      if (this.#single === undefined && name === "") continue; // a folder says it of itself, too
      this.#note({ mask, cookie, path });
      if (mask & IN.ISDIR) this.#noteFolder(mask, path);
    }
  }

  #noteFolder(mask: number, path: string): void {
    if (mask & (IN.MOVED_FROM | IN.DELETE)) this.#forget(path);
    if (mask & (IN.MOVED_TO | IN.CREATE)) {
      const told = mask & IN.CREATE
        ? (below: string, folder: boolean) =>
          this.#note({ mask: IN.CREATE | (folder ? IN.ISDIR : 0), cookie: 0, path: below })
        : () => {}; // it came with what is in it
      this.#addAll(path, told);
    }
  }

  /** It and all below have another name or none; those that have one are added anew under it. */
  #forget(path: string): void {
    for (const [each, wd] of [...this.#watches]) {
      if (each !== path && !each.startsWith(`${path}/`)) continue;
      this.#watches.delete(each);
      this.#paths.delete(wd);
      this.#inotify.remove(wd);
    }
  }

  #note(change: RawChange): void {
    this.#gathered.push(change);
    this.#timer ??= setTimeout(() => this.#hand(), GATHER_MS);
  }

  #hand(): void {
    this.#timer = undefined;
    const changes = mergeChanges(this.#gathered);
    this.#gathered = [];
    for (let at = 0; at < changes.length && !this.#closed; at += BATCH) {
      this.#options.onChanges(changes.slice(at, at + BATCH));
    }
  }
}
