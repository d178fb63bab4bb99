import { IN } from "./inotify.ts";
import type { FolderChange } from "./watch_folder.ts";

/** What inotify has told of one name. */
export interface RawChange {
  readonly mask: number;
  /** The two halves of a rename have the same. */
  readonly cookie: number;
  readonly path: string;
}

const CONTENT_KINDS = [
  [IN.MODIFY, "modify"],
  [IN.ATTRIB, "attributes"],
  [IN.CLOSE_WRITE, "written"],
] as const;

/**
 * What a burst comes to: the halves of a rename are joined, and what was told of a file again and again is
 * told once. What gives and takes names stays in its order, and what was told of a name before that is told
 * before.
 *
 * Half a rename is a file that came from outside or left.
 */
export function mergeChanges(raw: readonly RawChange[]): FolderChange[] {
  const changes: FolderChange[] = [];
  /** What was told of a path since its name changed last. */
  let told = new Set<string>();
  const arrivals = new Map<number, RawChange>();
  for (const each of raw) if (each.mask & IN.MOVED_TO) arrivals.set(each.cookie, each);
  const departed = new Set<number>();

  for (const { mask, cookie, path } of raw) {
    const folder = (mask & IN.ISDIR) !== 0;
    if (mask & IN.MOVED_FROM) {
      const to = arrivals.get(cookie)?.path;
      departed.add(cookie);
      rename(
        to === undefined ? { kind: "delete", path, folder } : { kind: "rename", path, to, folder },
      );
    } else if (mask & IN.MOVED_TO) {
      if (!departed.has(cookie)) rename({ kind: "create", path, folder });
    } else if (mask & IN.CREATE) {
      once({ kind: "create", path, folder });
    } else if (mask & IN.DELETE) {
      rename({ kind: "delete", path, folder });
    } else {
      for (const [bit, kind] of CONTENT_KINDS) if (mask & bit) once({ kind, path, folder });
    }
  }
  return changes;

  function once(change: FolderChange): void {
    const key = `${change.kind} ${change.path}`;
    if (told.has(key)) return;
    told.add(key);
    changes.push(change);
  }

  function rename(change: FolderChange): void {
    told = new Set([...told].filter((key) => !isOf(key, change.path) && !isOf(key, change.to)));
    changes.push(change);
  }
}

function isOf(key: string, path: string | undefined): boolean {
  return path !== undefined && key.slice(key.indexOf(" ") + 1) === path;
}
