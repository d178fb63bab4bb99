import type { Digest } from "../oci/mod.ts";
import {
  addAttached,
  addCached,
  type Needed,
  neededBy,
  objectsIn,
  usedDescriptors,
} from "./collect.ts";
import type { Store } from "./store.ts";
import type { CacheUsage, ImageDiskUsage, ImageUsage, LayerBlob } from "./types.ts";

/** What an object costs, and what its file says it is: disks are sparse. */
interface Bytes {
  readonly allocated: number;
  readonly logical: number;
}

/** Sizes on the host's disk, blobs and layer disks together. */
export async function measure(store: Store): Promise<ImageDiskUsage> {
  const used = new Set(store.usedManifests());
  const images = store.records.list();
  let active = 0;
  if (used.size > 0) {
    for (const { descriptor } of images) {
      if (usesAny(await neededBy(store, [descriptor]), used)) active++;
    }
  }
  const kept = await neededBy(store, [
    ...usedDescriptors(store),
    ...await store.records.foreign(),
  ]);
  await addAttached(store, await store.records.attached(), kept);
  const cached = await cachedAlone(store);
  const sum = { sizeInBytes: 0, logicalInBytes: 0, reclaimable: 0 };
  for (const { kind, digest, allocated, logical } of await sizes(store)) {
    if (cached[kind].has(digest)) continue;
    sum.sizeInBytes += allocated;
    sum.logicalInBytes += logical;
    if (!kept[kind].has(digest)) sum.reclaimable += allocated;
  }
  return { total: images.length, active, ...sum };
}

/** What a build's cache keeps and no image needs. */
async function cachedAlone(store: Store): Promise<Needed> {
  const cached: Needed = { blobs: new Set(), disks: new Set() };
  addCached(store, cached);
  if (cached.blobs.size === 0 && cached.disks.size === 0) return cached;
  const images = await neededByImages(store);
  return {
    blobs: cached.blobs.difference(images.blobs),
    disks: cached.disks.difference(images.disks),
  };
}

async function neededByImages(store: Store): Promise<Needed> {
  const needed = await neededBy(store, [
    ...store.records.list().map(({ descriptor }) => descriptor),
    ...await store.records.foreign(),
    ...usedDescriptors(store),
  ]);
  await addAttached(store, await store.records.attached(), needed);
  return needed;
}

/** What layers of a build's cache cost, in their order: blob and disk, and whether images have them too. */
export async function measureLayers(
  store: Store,
  layers: readonly Pick<LayerBlob, "digest" | "diffId">[],
): Promise<CacheUsage[]> {
  const needed = await neededByImages(store);
  return layers.map(({ digest, diffId }) => {
    const blob = bytesOf(store.paths.blob(digest));
    const disk = bytesOf(store.paths.disk(diffId));
    return {
      sizeInBytes: blob.allocated + disk.allocated,
      logicalInBytes: blob.logical + disk.logical,
      shared: needed.blobs.has(digest) || needed.disks.has(diffId),
    };
  });
}

/** What each image costs, by reference. What several share is in each of them. */
export async function measureEach(store: Store): Promise<ImageUsage[]> {
  const used = new Set(store.usedManifests());
  const bytes = new Map((await sizes(store)).map((each) => [`${each.kind} ${each.digest}`, each]));
  const owners = new Map<string, number>();
  const images = [];
  for (const image of store.records.list()) {
    const needed = await neededBy(store, [image.descriptor]);
    const keys = keysOf(needed);
    for (const key of keys) owners.set(key, (owners.get(key) ?? 0) + 1);
    images.push({ image, keys, active: usesAny(needed, used) });
  }
  return images.map(({ image, keys, active }) => {
    const usage = { sizeInBytes: 0, logicalInBytes: 0, sharedInBytes: 0 };
    for (const key of keys) {
      const { allocated, logical } = bytes.get(key) ?? { allocated: 0, logical: 0 };
      usage.sizeInBytes += allocated;
      usage.logicalInBytes += logical;
      if (owners.get(key)! > 1) usage.sharedInBytes += allocated;
    }
    const { reference, createdMs } = image;
    return { reference, active, createdAt: new Date(createdMs), ...usage };
  });
}

/**
 * What is missing of images that are on record, and of manifests that containers use. Sentences.
 *
 * A platform that was never pulled is not missing, and a layer's disk is made again from its blob.
 */
export async function findMissing(store: Store): Promise<string[]> {
  const present = new Set<string>();
  for (const { kind, digest } of await sizes(store)) present.add(`${kind} ${digest}`);
  const problems: string[] = [];
  for (const { reference, descriptor } of store.records.list()) {
    if (!present.has(`blobs ${descriptor.digest}`)) {
      problems.push(`image "${reference}": its manifest is gone`);
    }
  }
  for (const { name, manifest } of store.users()) {
    if (!present.has(`blobs ${manifest}`)) {
      problems.push(`container "${name}": the manifest of its image is gone`);
      continue;
    }
    const digest = manifest as Digest;
    const needed = await neededBy(store, [{ digest, size: 0, mediaType: "" }]);
    // A layer may lack its blob or its disk, which is made from it, but not both.
    const missing = [...needed.disks].filter((id) => !present.has(`disks ${id}`)).length;
    const blobs = [...needed.blobs].filter((id) => !present.has(`blobs ${id}`)).length;
    if (missing > 0 && blobs > 0) {
      problems.push(
        `container "${name}": ${blobs} blobs and ${missing} disks of its image are gone`,
      );
    }
  }
  return problems;
}

function usesAny({ blobs }: Needed, used: ReadonlySet<string>): boolean {
  return used.values().some((manifest) => blobs.has(manifest as Digest));
}

function keysOf({ blobs, disks }: Needed): string[] {
  return [...[...blobs].map((id) => `blobs ${id}`), ...[...disks].map((id) => `disks ${id}`)];
}

/** Every whole object in the store. */
async function sizes({ paths }: Store) {
  const found: ({ readonly kind: keyof Needed; readonly digest: Digest } & Bytes)[] = [];
  for (const digest of await objectsIn(paths.blobs, "")) {
    found.push({ kind: "blobs", digest, ...bytesOf(paths.blob(digest)) });
  }
  for (const digest of await objectsIn(paths.layers, ".ext4")) {
    found.push({ kind: "disks", digest, ...bytesOf(paths.disk(digest)) });
  }
  return found;
}

/** Synchronous: a round trip to another thread takes ten times as long as the call itself. */
function bytesOf(path: string): Bytes {
  try {
    const { size, blocks } = Deno.statSync(path);
    return { allocated: blocks === null ? size : Math.min(size, blocks * 512), logical: size };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { allocated: 0, logical: 0 };
    throw error;
  }
}
