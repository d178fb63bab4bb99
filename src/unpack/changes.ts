/**
 * What a container's own disk changes of the disks below it.
 *
 * The writable disk says more than that: overlayfs copies a file up when it is opened for writing, and a
 * directory when anything in it changes. So what is above is compared with what is below, by what `docker
 * diff` compares: mode, owner, device and capabilities, and of other things than directories size and time.
 */
import type { Ext4Inode } from "../ext4/mod.ts";
import {
  isOpaque,
  isWhiteout,
  joined,
  namesIn,
  type Part,
  refuseRedirects,
  resolve,
} from "./overlay.ts";
import type { IgnoredNames as Ignored } from "./types.ts";
import { NameBudget, type PackedEntry, type Stack } from "./tree_entries.ts";

export type ChangeKind = "A" | "C" | "D";

export interface Change extends PackedEntry {
  readonly kind: ChangeKind;
}

/** A directory of the writable disk that is being compared. */
interface Frame {
  readonly path: string;
  readonly upper: Part;
  /** What the disks below show there; undefined if they have no directory there. */
  readonly lower: readonly Part[] | undefined;
  readonly names: readonly string[];
  readonly above: ReadonlyMap<string, Part>;
  readonly below: ReadonlyMap<string, readonly Part[]>;
  at: number;
  /** What is to be told of the directory itself before anything inside it is; undefined: nothing more. */
  owed: ChangeKind | undefined;
}

/**
 * Parents come before what is in them, names in byte order. A directory in which something changed is
 * told as changed. Of what was removed only the top is told.
 *
 * @param lower The disks below. @param upper The writable disk's root directory, a layer of `lower.layers`.
 */
export function* changes(
  lower: Stack,
  upper: Part,
  ignored: Ignored,
  maxEntries: number,
): Generator<Change> {
  const comparison = new Comparison(lower, new NameBudget(maxEntries));
  const root = comparison.enter("", upper, resolve(lower.roots).parts, undefined);
  const frames: Frame[] = [root];
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const name = frame.names[frame.at++];
    if (name === undefined) {
      frames.pop();
      continue;
    }
    const path = joined(frame.path, name);
    const above = frame.above.get(name);
    if (above && isIgnored(path, above.inode, ignored)) continue;
    const below = comparison.shown(frame.below.get(name) ?? []);
    const kind = kindOf(above, below[0]);
    // A parent of what the guest puts there is told when there is more in it.
    const waits = kind === "A" && above?.inode.type === "directory" && holdsIgnored(path, ignored);
    if (kind !== undefined && !waits) {
      yield* owedBy(frames);
      yield { kind, path, part: kind === "D" ? undefined : above };
    }
    if (above?.inode.type !== "directory") continue;
    const into = below[0]?.inode.type === "directory" ? below : undefined;
    const owed = kind === undefined ? "C" : waits ? kind : undefined;
    frames.push(comparison.enter(path, above, into, owed));
  }
}

function* owedBy(frames: readonly Frame[]): Generator<Change> {
  for (const frame of frames) {
    const { owed, path, upper } = frame;
    frame.owed = undefined;
    if (owed !== undefined) yield { kind: owed, path, part: upper };
  }
}

class Comparison {
  readonly #stack: Stack;
  readonly #budget: NameBudget;

  constructor(stack: Stack, budget: NameBudget) {
    this.#stack = stack;
    this.#budget = budget;
  }

  /** What the disks below show under a name: nothing, one thing, or directories. */
  shown(candidates: readonly Part[]): readonly Part[] {
    const { parts } = resolve(candidates);
    return parts[0] && isWhiteout(parts[0].inode) ? [] : parts;
  }

  enter(
    path: string,
    upper: Part,
    lower: readonly Part[] | undefined,
    owed: ChangeKind | undefined,
  ): Frame {
    refuseRedirects(upper.inode, path);
    const above = new Map(
      this.#names(path, [upper]).map(([name, parts]) => [name, parts[0]!] as const),
    );
    const below = new Map(lower ? this.#names(path, lower) : []);
    // Below a directory that hides nothing, a name that only the lower disks have is no change.
    const hides = lower !== undefined && isOpaque(upper.inode);
    const names = hides
      ? [...new Set([...above.keys(), ...below.keys()])].sort()
      : [...above.keys()];
    return { path, upper, lower, names, above, below, at: 0, owed };
  }

  #names(path: string, parts: readonly Part[]): [string, Part[]][] {
    const names = namesIn(this.#stack.layers, { path, parts });
    this.#budget.spend(names.length);
    return names;
  }
}

function kindOf(above: Part | undefined, below: Part | undefined): ChangeKind | undefined {
  if (above === undefined || isWhiteout(above.inode)) return below ? "D" : undefined;
  if (below === undefined) return "A";
  return differs(above.inode, below.inode) ? "C" : undefined;
}

function differs(a: Ext4Inode, b: Ext4Inode): boolean {
  const status = a.type !== b.type || a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid ||
    a.devMajor !== b.devMajor || a.devMinor !== b.devMinor;
  if (status) return true;
  if (a.type === "directory") return false; // its size and time tell of what is in it
  return a.size !== b.size || a.mtime !== b.mtime || a.mtimeNs !== b.mtimeNs ||
    !sameBytes(a.xattrs.get("security.capability"), b.xattrs.get("security.capability"));
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || a?.length === b?.length && !!a?.every((byte, at) => byte === b![at]);
}

function isIgnored(path: string, { type, size }: Ext4Inode, ignored: Ignored): boolean {
  if (type === "directory") return ignored.folders.includes(path);
  return type === "file" && size === 0 && ignored.emptyFiles.includes(path);
}

function holdsIgnored(path: string, ignored: Ignored): boolean {
  return ignored.emptyFiles.some((file) => file.startsWith(`${path}/`));
}
