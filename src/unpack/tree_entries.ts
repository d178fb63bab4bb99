/** Every name that several disks show together, depth first, names in byte order. */
import { CtrError } from "../core/mod.ts";
import type { Ext4Reader } from "../ext4/mod.ts";
import { isWhiteout, joined, namesIn, type Part, refuseRedirects, resolve } from "./overlay.ts";

export interface PackedEntry {
  /** Clean and relative; the root itself is left out. */
  readonly path: string;
  /** Undefined: the name was removed. */
  readonly part: Part | undefined;
}

/** Disks that lie above one another. */
export interface Stack {
  /** The bottom first. */
  readonly layers: readonly Ext4Reader[];
  /** The root directories of those that have one, the topmost first. */
  readonly roots: readonly Part[];
}

/** @throws {CtrError} `bad-data` for a damaged disk, `too-large` past `maxEntries` names. */
export function* treeEntries({ layers, roots }: Stack, maxEntries: number): Generator<PackedEntry> {
  const budget = new NameBudget(maxEntries);
  const pending: { path: string; parts: readonly Part[] }[] = [];
  const open = (path: string, candidates: readonly Part[]): void => {
    const names = namesIn(layers, { path, parts: resolve(candidates).parts });
    budget.spend(names.length);
    for (const [name, parts] of names.reverse()) pending.push({ path: joined(path, name), parts });
  };
  open("", roots);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const top = next.parts[0]!;
    if (isWhiteout(top.inode)) continue;
    refuseRedirects(top.inode, next.path);
    yield { path: next.path, part: top };
    if (top.inode.type === "directory") open(next.path, next.parts);
  }
}

/** Directories may be entered by more than one name on a damaged disk: names are counted, not inodes. */
export class NameBudget {
  #left: number;
  readonly #most: number;

  constructor(most: number) {
    this.#left = this.#most = most;
  }

  spend(names: number): void {
    this.#left -= names;
    if (this.#left < 0) {
      throw new CtrError("too-large", `the file system has more than ${this.#most} names`);
    }
  }
}
