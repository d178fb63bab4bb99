import { isCtrError } from "../core/mod.ts";
import { type Descriptor, type Digest, hexOf, isDigest } from "../oci/mod.ts";
import { type Attached, readIndexFile } from "./index_file.ts";
import { readImage, storedTarget, walk } from "./graph.ts";
import { leasedDigests, lockLeases } from "./lease.ts";
import { diskIds } from "./layer_disks.ts";
import { tryLockObject } from "./object_lock.ts";
import type { Store } from "./store.ts";

/** What must stay: digests of blobs, and IDs of disks. */
export interface Needed {
  readonly blobs: Set<Digest>;
  readonly disks: Set<Digest>;
}

/** Everything that `roots` lead to. What is not in the store is passed over. */
export async function neededBy(store: Store, roots: Iterable<Descriptor>): Promise<Needed> {
  const needed: Needed = { blobs: new Set(), disks: new Set() };
  const manifests = new Map<Digest, Descriptor>();
  for (const root of roots) {
    await unlessDamaged(() =>
      walk(root, storedTarget(store.content), 0, (descriptor) => {
        needed.blobs.add(descriptor.digest);
        manifests.set(descriptor.digest, descriptor);
      }, "everything")
    );
  }
  for (const descriptor of manifests.values()) {
    await unlessDamaged(() => addImage(store, descriptor, needed));
  }
  return needed;
}

/** An image whose documents are damaged must not keep others, or itself, from being removed. */
async function unlessDamaged(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isCtrError(error)) throw error;
  }
}

async function addImage(store: Store, descriptor: Descriptor, needed: Needed): Promise<void> {
  const target = await storedTarget(store.content)(descriptor);
  if (target?.kind !== "manifest") return;
  needed.blobs.add(target.manifest.config.digest);
  for (const { digest } of target.manifest.layers) needed.blobs.add(digest);
  // Artifacts that are not images have blobs but no disks.
  const image = await readImage(store.content, descriptor, target);
  for (const id of image ? diskIds(store.disks.plan(image.layers)) : []) needed.disks.add(id);
}

/**
 * What references, other tools' entries and containers lead to, and what is attached to that.
 *
 * The index says it, not the table: the table follows a moment later.
 */
async function neededNow(store: Store): Promise<Needed> {
  const { images, foreign, attached } = await readIndexFile(store.paths);
  const needed = await neededBy(store, [
    ...images.map(({ descriptor }) => descriptor),
    ...foreign,
    ...usedDescriptors(store),
  ]);
  await addAttached(store, attached, needed);
  addCached(store, needed);
  return needed;
}

/** Adds what a build's cache keeps. */
export function addCached(store: Store, needed: Needed): void {
  for (const { digest, diffId } of store.cached.layers()) {
    needed.blobs.add(digest);
    needed.disks.add(diffId);
  }
}

/** Adds what is attached to needed manifests, and what is attached to that. */
export async function addAttached(
  store: Store,
  attached: readonly Attached[],
  needed: Needed,
): Promise<void> {
  let rest = attached;
  for (;;) {
    const reached = rest.filter(({ subject }) => needed.blobs.has(subject));
    if (reached.length === 0) return;
    rest = rest.filter(({ subject }) => !needed.blobs.has(subject));
    const more = await neededBy(store, reached.map(({ descriptor }) => descriptor));
    for (const digest of more.blobs) needed.blobs.add(digest);
  }
}

export function usedDescriptors(store: Store): Descriptor[] {
  const used = [...store.usedManifests()].filter(isDigest);
  return used.map((digest) => ({ digest, size: 0, mediaType: "" }));
}

export interface Collected {
  readonly deleted: readonly Digest[];
  readonly bytes: number;
}

/** Objects that are deleted in one step, during which nobody can take a lease. */
const BATCH = 128;

/**
 * Deletes blobs and disks that nothing needs.
 *
 * Leases are read before the names: whoever has let go of a lease by then has its name on record.
 */
export async function collect(store: Store): Promise<Collected> {
  const needs = new Needs(store);
  const deleted: Digest[] = [];
  let bytes = 0;
  for (const [kind, folder, suffix] of places(store)) {
    const freed = await deleteFree(store, needs, kind, await objectsIn(folder, suffix));
    for (const [digest, size] of freed) {
      bytes += size;
      if (kind === "blobs") deleted.push(digest);
    }
  }
  if (deleted.length > 0) await forgetTraces(store, deleted);
  return { deleted, bytes };
}

/** As `collect`, for certain objects alone, for example parts of a disk that was merged. */
export async function collectThese(
  store: Store,
  kind: keyof Needed,
  digests: Iterable<Digest>,
): Promise<void> {
  await deleteFree(store, new Needs(store), kind, [...digests]);
}

/** What was attached to a manifest that is gone, and where its blobs came from. */
async function forgetTraces(store: Store, deleted: readonly Digest[]): Promise<void> {
  store.sources.forget(deleted);
  const gone = new Set(deleted);
  const isGone = ({ descriptor }: Attached) => gone.has(descriptor.digest);
  if (!(await store.records.attached()).some(isGone)) return;
  await store.records.changeAttached((attached) => attached.filter((each) => !isGone(each)));
}

/** What is needed, found out again whenever names or containers have changed. */
class Needs {
  #store: Store;
  #known: { readonly state: string; readonly needed: Needed } | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** What must stay now, leases included. */
  async of(kind: keyof Needed): Promise<(digest: Digest) => boolean> {
    const leased = await leasedDigests(this.#store.paths);
    const state = await this.#state();
    if (this.#known?.state !== state) {
      this.#known = { state, needed: await neededNow(this.#store) };
    }
    const { needed } = this.#known;
    return (digest) => leased.has(digest) || needed[kind].has(digest);
  }

  /**
   * Read before what it stands for, so that a change in between is seen the next time. The index is
   * replaced, never written to, so its inode and time tell whether it is the same.
   */
  async #state(): Promise<string> {
    const info = await Deno.stat(this.#store.paths.index).catch(() => undefined);
    const index = info ? `${info.ino} ${info.mtime?.getTime()} ${info.size}` : "";
    return [...this.#store.usedManifests(), this.#store.cached.version(), index].join();
  }
}

/** @returns What was deleted, with the bytes that came free. */
async function deleteFree(
  store: Store,
  needs: Needs,
  kind: keyof Needed,
  digests: readonly Digest[],
): Promise<Map<Digest, number>> {
  const freed = new Map<Digest, number>();
  const isNeeded = await needs.of(kind);
  const unneeded = digests.filter((digest) => !isNeeded(digest));
  for (let at = 0; at < unneeded.length; at += BATCH) {
    using _step = await lockLeases(store.paths, true); // see lease.ts
    const isNeededNow = await needs.of(kind);
    const held = new Set(
      (await Array.fromAsync(Deno.readDir(store.paths.locks))).map((each) => each.name),
    );
    for (const digest of unneeded.slice(at, at + BATCH)) {
      if (isNeededNow(digest)) continue;
      // A lock's file is there while it is held, and after its holder was killed.
      const name = `${kind === "blobs" ? "blob" : "disk"}-${hexOf(digest)}`;
      await using lock = held.has(name) ? await tryLockObject(store.paths.lock(name)) : undefined;
      if (held.has(name) && !lock) continue;
      const bytes = removeCounted(
        kind === "blobs" ? store.paths.blob(digest) : store.paths.disk(digest),
      );
      if (bytes !== undefined) freed.set(digest, bytes);
    }
  }
  return freed;
}

function places({ paths }: Store): [keyof Needed, string, string][] {
  return [["disks", paths.layers, ".ext4"], ["blobs", paths.blobs, ""]];
}

/** Whole objects in a folder; temporary files have other names. */
export async function objectsIn(folder: string, suffix: string): Promise<Digest[]> {
  const digests: Digest[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile || !name.endsWith(suffix)) continue;
    const digest = `sha256:${name.slice(0, name.length - suffix.length)}`;
    if (isDigest(digest)) digests.push(digest);
  }
  return digests;
}

/** Synchronous: a round trip to another thread takes ten times as long as the call itself. */
function removeCounted(path: string): number | undefined {
  const bytes = allocatedBytes(path);
  try {
    Deno.removeSync(path);
    return bytes;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** What the host's disk pays: disks are sparse. */
export function allocatedBytes(path: string): number {
  return fileBytes(path).allocated;
}

/** Zero for a file that is not there. */
export function fileBytes(path: string): { readonly allocated: number; readonly logical: number } {
  try {
    const { size, blocks } = Deno.statSync(path);
    return { allocated: blocks === null ? size : Math.min(size, blocks * 512), logical: size };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { allocated: 0, logical: 0 };
    throw error;
  }
}
