import { isCtrError } from "../core/mod.ts";
import { type Descriptor, type Digest, hexOf, isDigest } from "../oci/mod.ts";
import { readIndexFile } from "./index_file.ts";
import { readImage, storedTarget, walk } from "./graph.ts";
import { leasedDigests, lockLeases } from "./lease.ts";
import { diskIds } from "./layer_disks.ts";
import { tryLockObject } from "./object_lock.ts";
import { removeIfThere } from "./paths.ts";
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
      })
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
  const image = await readImage(store.content, descriptor);
  for (const id of image ? diskIds(store.disks.plan(image.layers)) : []) needed.disks.add(id);
}

/**
 * What references, other tools' entries and containers lead to.
 *
 * The index says it, not the table: the table follows a moment later.
 */
async function neededNow(store: Store): Promise<Needed> {
  const { images, foreign } = await readIndexFile(store.paths);
  return await neededBy(store, [
    ...images.map(({ descriptor }) => descriptor),
    ...foreign,
    ...usedDescriptors(store),
  ]);
}

export function usedDescriptors(store: Store): Descriptor[] {
  const used = [...store.usedManifests()].filter(isDigest);
  return used.map((digest) => ({ digest, size: 0, mediaType: "" }));
}

export interface Collected {
  readonly deleted: readonly Digest[];
  readonly bytes: number;
}

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
    for (const digest of await objectsIn(folder, suffix)) {
      const freed = await deleteIfFree(store, needs, kind, digest);
      if (freed === undefined) continue;
      bytes += freed;
      if (kind === "blobs") deleted.push(digest);
    }
  }
  return { deleted, bytes };
}

/** As `collect`, for certain objects alone, for example parts of a disk that was merged. */
export async function collectThese(
  store: Store,
  kind: keyof Needed,
  digests: Iterable<Digest>,
): Promise<void> {
  const needs = new Needs(store);
  for (const digest of digests) await deleteIfFree(store, needs, kind, digest);
}

/** What is needed, found out again whenever names or containers have changed. */
class Needs {
  #store: Store;
  #known: { readonly state: string; readonly needed: Needed } | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  async has(kind: keyof Needed, digest: Digest): Promise<boolean> {
    if ((await leasedDigests(this.#store.paths)).has(digest)) return true;
    const state = await this.#state();
    if (this.#known?.state !== state) {
      this.#known = { state, needed: await neededNow(this.#store) };
    }
    return this.#known.needed[kind].has(digest);
  }

  /** Read before what it stands for, so that a change in between is seen the next time. */
  async #state(): Promise<string> {
    const index = await Deno.readTextFile(this.#store.paths.index).catch(() => "");
    return [...this.#store.usedManifests(), index].join();
  }
}

/** @returns Bytes that were freed, or undefined if the object stays. */
async function deleteIfFree(
  store: Store,
  needs: Needs,
  kind: keyof Needed,
  digest: Digest,
): Promise<number | undefined> {
  if (await needs.has(kind, digest)) return undefined;
  const name = `${kind === "blobs" ? "blob" : "disk"}-${hexOf(digest)}`;
  await using lock = await tryLockObject(store.paths.lock(name));
  if (!lock) return undefined;
  using _step = await lockLeases(store.paths, true); // see lease.ts
  if (await needs.has(kind, digest)) return undefined;
  return await removeCounted(
    kind === "blobs" ? store.paths.blob(digest) : store.paths.disk(digest),
  );
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

async function removeCounted(path: string): Promise<number> {
  const bytes = await allocatedBytes(path);
  await removeIfThere(path);
  return bytes;
}

/** What the host's disk pays: disks are sparse. */
export async function allocatedBytes(path: string): Promise<number> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info) return 0;
  return info.blocks === null ? info.size : Math.min(info.size, info.blocks * 512);
}
