/** What two stacks of layer disks show, side by side. */
import { CtrError } from "../core/mod.ts";
import { type Ext4Inode, type Ext4Reader, openExt4 } from "../ext4/mod.ts";
import { textOf } from "../tar/mod.ts";
import { withDefaults } from "./limits.ts";
import { isWhiteout, joined, namesIn, type Part, type Place, resolve } from "./overlay.ts";
import { OPAQUE_XATTR } from "./whiteouts.ts";

export interface TreeChange {
  readonly kind: "added" | "changed" | "deleted";
  /** From the root, `/etc/passwd`. */
  readonly path: string;
}

export interface CompareOptions {
  readonly maxEntries?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Everybody else's turn comes after this many entries. */
const TURN = 500;

/**
 * Compares two root file systems. Times do not count: an image that was built again differs in
 * nothing else. Of what was deleted, the topmost folder is told; of what was added, everything.
 *
 * @param a Paths of layer disks, the bottom first.
 * @throws {CtrError} `too-large`, `bad-data`; what `signal` was aborted with.
 */
export async function compareTrees(
  a: readonly string[],
  b: readonly string[],
  options: CompareOptions = {},
): Promise<TreeChange[]> {
  using disks = new Disks();
  const maxEntries = options.maxEntries ?? withDefaults().maxEntries;
  const [left, right] = [disks.open(a), disks.open(b)];
  const changes: TreeChange[] = [];
  let count = 0;
  for (const change of differences(disks.readers, left, right)) {
    if (++count > maxEntries) {
      throw new CtrError("too-large", `the images have more than ${maxEntries} entries`);
    }
    if (change) changes.push(change);
    if (count % TURN > 0) continue;
    await new Promise((resolve) => setTimeout(resolve));
    options.signal?.throwIfAborted();
  }
  return changes;
}

/** Each disk once, although both sides may have it: a part is known by its disk and inode. */
class Disks implements Disposable {
  readonly readers: Ext4Reader[] = [];
  #files: Deno.FsFile[] = [];
  #numbers = new Map<string, number>();

  /** @returns The parts of the root, the topmost first. */
  open(paths: readonly string[]): Part[] {
    return paths.map((path): Part => {
      let layer = this.#numbers.get(path);
      if (layer === undefined) {
        const file = Deno.openSync(path, { read: true });
        this.#files.push(file);
        layer = this.readers.push(openExt4(file)) - 1;
        this.#numbers.set(path, layer);
      }
      return { layer, inode: this.readers[layer]!.root() };
    }).reverse();
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) file.close();
  }
}

interface Pair {
  readonly path: string;
  readonly left: readonly Part[];
  readonly right: readonly Part[];
}

/** Yields undefined for what is the same, so that the caller can count and pause. */
function* differences(
  readers: readonly Ext4Reader[],
  left: readonly Part[],
  right: readonly Part[],
): Generator<TreeChange | undefined> {
  const pending: Pair[] = [{
    path: "",
    left: resolve(left).parts,
    right: resolve(right).parts,
  }];
  for (let pair = pending.pop(); pair; pair = pending.pop()) {
    const [one, two] = [
      visible(readers, pair.path, pair.left),
      visible(readers, pair.path, pair.right),
    ];
    const folders: Pair[] = [];
    for (const name of [...new Set([...one.keys(), ...two.keys()])].sort()) {
      const path = joined(pair.path, name);
      const [before, after] = [one.get(name), two.get(name)];
      const kind = kindOf(readers, before, after);
      yield kind && { kind, path: `/${textOf(path)}` };
      const inner = { path, left: folderParts(before), right: folderParts(after) };
      if (inner.right.length > 0 && !sameParts(inner.left, inner.right)) folders.push(inner);
    }
    pending.push(...folders.reverse());
  }
}

function visible(
  readers: readonly Ext4Reader[],
  path: string,
  parts: readonly Part[],
): Map<string, readonly Part[]> {
  const names = new Map<string, readonly Part[]>();
  if (parts.length === 0) return names;
  const place: Place = { path, parts };
  for (const [name, candidates] of namesIn(readers, place)) {
    const merged = resolve(candidates).parts;
    if (!isWhiteout(merged[0]!.inode)) names.set(name, merged);
  }
  return names;
}

function folderParts(parts: readonly Part[] | undefined): readonly Part[] {
  return parts?.[0]?.inode.type === "directory" ? parts : [];
}

function kindOf(
  readers: readonly Ext4Reader[],
  before: readonly Part[] | undefined,
  after: readonly Part[] | undefined,
): TreeChange["kind"] | undefined {
  if (!before) return "added";
  if (!after) return "deleted";
  return isSame(readers, before[0]!, after[0]!) ? undefined : "changed";
}

function sameParts(a: readonly Part[], b: readonly Part[]): boolean {
  return a.length === b.length && a.every((part, at) => isOne(part, b[at]!));
}

/** Only the same inode of the same disk: what a folder holds below need not be looked at. */
function isOne(a: Part, b: Part): boolean {
  return a.layer === b.layer && a.inode.inode === b.inode.inode;
}

function isSame(readers: readonly Ext4Reader[], a: Part, b: Part): boolean {
  if (isOne(a, b)) return true;
  const [x, y] = [a.inode, b.inode];
  const alike = x.type === y.type && x.mode === y.mode && x.uid === y.uid && x.gid === y.gid &&
    x.devMajor === y.devMajor && x.devMinor === y.devMinor && sameXattrs(x, y);
  if (!alike) return false;
  if (x.type === "symlink") return readers[a.layer]!.readLink(x) === readers[b.layer]!.readLink(y);
  if (x.type !== "file") return true;
  return x.size === y.size && sameContent(readers[a.layer]!, x, readers[b.layer]!, y);
}

function sameXattrs(a: Ext4Inode, b: Ext4Inode): boolean {
  const shown = ({ xattrs }: Ext4Inode) => [...xattrs].filter(([name]) => name !== OPAQUE_XATTR);
  const text = (inode: Ext4Inode) => shown(inode).map(([name, value]) => `${name}=${value}`).sort();
  return text(a).join("\n") === text(b).join("\n");
}

/** Compares streams of bytes and holes that need not be cut alike. */
function sameContent(x: Ext4Reader, a: Ext4Inode, y: Ext4Reader, b: Ext4Inode): boolean {
  const [one, two] = [byteRuns(x, a), byteRuns(y, b)];
  let [left, right] = [one.next().value, two.next().value];
  while (left && right) {
    const length = Math.min(left.length, right.length);
    for (let i = 0; i < length; i++) if (left[i] !== right[i]) return false;
    left = length < left.length ? left.subarray(length) : one.next().value;
    right = length < right.length ? right.subarray(length) : two.next().value;
  }
  return !left && !right;
}

const ZEROS = new Uint8Array(1 << 16);

/** A copy of each piece: both sides may come from one reader, which has one buffer. */
function* byteRuns(reader: Ext4Reader, inode: Ext4Inode): Generator<Uint8Array, undefined> {
  for (const piece of reader.pieces(inode)) {
    if (typeof piece !== "number") {
      if (piece.length > 0) yield piece.slice();
      continue;
    }
    for (let left = piece; left > 0; left -= ZEROS.length) {
      yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
    }
  }
}
