import { CtrError } from "../core/mod.ts";
import { type Descriptor, formatReference } from "../oci/mod.ts";
import { collect, collectThese } from "./collect.ts";
import { convertImage } from "./convert.ts";
import { describeImage } from "./describe.ts";
import { withAction } from "./disk_errors.ts";
import { imageHistory } from "./history.ts";
import type { ImageLease, Images } from "./images.ts";
import { importImage } from "./import.ts";
import { type NamedImage, writeLayoutFile } from "./index_file.ts";
import { takeLease } from "./lease.ts";
import { loadImages } from "./load.ts";
import { checkComplete } from "./load_layout.ts";
import { pendingLayer } from "./pending_layer.ts";
import { pullAllTags, pullImage } from "./pull.ts";
import { pushImage } from "./push.ts";
import { StoreRemote } from "./remote.ts";
import { pruneImages, removeImages } from "./remove.ts";
import { findImage, resolveForRun, resolveManifest } from "./resolve.ts";
import { saveImages } from "./save.ts";
import { migrate } from "./schema.ts";
import { makeStore, recordOf, type Store } from "./store.ts";
import { sweepStore } from "./sweep.ts";
import { findMissing, measure, measureEach, measureLayers } from "./usage.ts";
import type { ImageRecord, ImagesOptions, PullOptions } from "./types.ts";

/**
 * Opens the image store of a ctr home, making its folders and tables if they are missing.
 *
 * The table of images is made to agree with `content/index.json` on the way.
 */
export async function openImages(options: ImagesOptions): Promise<Images> {
  const store = makeStore(options, unpackLater);
  await store.paths.create();
  migrate(options.db);
  await writeLayoutFile(store.paths);
  await store.records.rebuild();
  return imagesOf(store);
}

/** Each method is a file of its own; here they only meet the store. */
function imagesOf(store: Store): Images {
  const list = () => store.records.list().map((image) => recordOf(store, image));
  return {
    pull: async (reference, options = {}) =>
      await pullImage(await asCaller(store, reference, options), reference, options),
    pullAll: async (reference, options = {}) =>
      await pullAllTags(await asCaller(store, reference, options), reference, options),
    push: async (reference, options = {}) =>
      await pushImage(await asCaller(store, reference, options), reference, options),
    resolveForRun: (reference, platform = store.hostPlatform, options = {}) =>
      resolveForRun(store, reference, platform, options),
    resolveManifest: (manifest, reference, options = {}) =>
      resolveManifest(store, manifest, reference, options),
    list: () => Promise.resolve(list()),
    find: async (text) => {
      const image = await Promise.resolve(store.records.find(formatReference(store.parse(text))));
      return image && recordOf(store, image);
    },
    inspect: async (reference) =>
      await describeImage(store, findImage(store, reference, "inspect")),
    tag: (source, target) => tag(store, source, target),
    remove: (references, options = {}) => removeImages(store, references, options),
    prune: (options = {}) => pruneImages(store, options),
    load: (source, options = {}) => loadImages(store, source, options),
    save: (references, options = {}) => saveImages(store, references, options),
    history: (reference, { platform } = {}) => imageHistory(store, reference, platform),
    convert: (source, target, options = {}) => convertImage(store, source, target, options),
    import: (source, options = {}) => importImage(store, source, options),
    diff: async (a, b, options = {}) =>
      await (await import("./diff.ts")).diffImages(store, a, b, options),
    blobPath: async (digest) => {
      if (await store.content.size(digest) !== undefined) return store.paths.blob(digest);
      throw new CtrError("not-found", `cannot read blob ${digest}: it is not here`);
    },
    writeBlob: (bytes, mediaType, { expected, lease } = {}) =>
      withAction("cannot keep a blob", store.paths.home, async () => {
        const onDigest = lease && ((digest: Descriptor["digest"]) => lease.add(digest));
        return { mediaType, ...await store.content.write(bytes, expected, onDigest) };
      }),
    layerDisk: async ({ descriptor, diffId }, { signal } = {}) => {
      const path = store.paths.blob(descriptor.digest);
      await store.disks.make({ ...descriptor, diffId, path }, () => path, { signal });
      return store.paths.disk(diffId);
    },
    remote: async (reference, options = {}) =>
      new StoreRemote(await asCaller(store, reference, options), reference, options),
    pendingLayer: (lease) => pendingLayer(store.paths, lease),
    hasLayer: async (layer, lease) => {
      await lease.add(layer.digest, layer.diffId);
      return await store.content.has(layer);
    },
    collect: async () => {
      const { deleted, bytes } = await collect(store);
      return { untagged: [], deleted, reclaimedBytes: bytes };
    },
    measureLayers: (layers) => measureLayers(store, layers),
    register: async (text, target) => {
      await checkComplete(store, target);
      const reference = formatReference(store.parse(text));
      return recordOf(store, await store.records.put(reference, target));
    },
    lease: () => takeLease(store.paths),
    diskUsage: () => measure(store),
    usageOfEach: () => measureEach(store),
    problems: () => findMissing(store),
    sweep: (options = {}) => sweepStore(store.paths, options),
    rebuild: async () => {
      await store.records.rebuild();
      return list();
    },
    [Symbol.asyncDispose]: () => store.later.stop(),
  };
}

/** With a lease: an image that is removed meanwhile leaves no disks behind. */
async function unpackLater(store: Store, reference: string, signal: AbortSignal): Promise<void> {
  const ids: Descriptor["digest"][] = [];
  {
    await using lease = await takeLease(store.paths);
    const add = async (...digests: Descriptor["digest"][]) => {
      ids.push(...digests);
      await lease.add(...digests);
    };
    const noted: ImageLease = { add, [Symbol.asyncDispose]: () => Promise.resolve() };
    await resolveForRun(store, reference, store.hostPlatform, { signal, lease: noted });
  }
  if (!store.records.find(reference)) await collectThese(store, "disks", ids);
}

/** The store as it is for the caller, who is told what is dangerous about the registry. */
async function asCaller(
  store: Store,
  reference: string,
  options: Pick<PullOptions, "environment" | "onProgress">,
): Promise<Store> {
  const own = await store.forCaller(options.environment);
  const text = own.registry.warning(store.parse(reference));
  if (text !== undefined) options.onProgress?.({ kind: "warning", text });
  return own;
}

/** The source is looked up with the index's lock held, so that it cannot be removed meanwhile. */
async function tag(store: Store, source: string, target: string): Promise<ImageRecord> {
  const reference = formatReference(store.parse(target));
  const from = findImage(store, source, "tag").reference;
  let made: NamedImage | undefined;
  await store.records.change((images) => {
    const image = images.get(from);
    if (!image) throw new CtrError("not-found", `cannot tag "${source}": it was just removed`);
    made = { reference, descriptor: image.descriptor, createdMs: Date.now() };
    return new Map(images).set(reference, made).values();
  });
  return recordOf(store, made!);
}
