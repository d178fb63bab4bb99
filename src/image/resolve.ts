import { CtrError } from "../core/mod.ts";
import {
  chainIds,
  choosePlatform,
  type Descriptor,
  type Digest,
  formatPlatform,
  formatReference,
  type Platform,
} from "../oci/mod.ts";
import { privilegedFilesOf } from "../unpack/mod.ts";
import { completeDisks } from "./complete_disks.ts";
import { withAction } from "./disk_errors.ts";
import { type ImageManifest, manifestsOf, readImage, storedTarget } from "./graph.ts";
import type { NamedImage } from "./index_file.ts";
import { diskIds, missingBlob } from "./layer_disks.ts";
import { noPlatform } from "./pull.ts";
import type { Store } from "./store.ts";
import type { ResolvedImage, ResolveOptions } from "./types.ts";

/**
 * By a reference, or by the digest that a build gives: `sha256:…`, or twelve digits of it at least.
 *
 * @throws {CtrError} `not-found`; `conflict` for digits that several images begin with.
 */
export function findImage(store: Store, text: string, action = "use"): NamedImage {
  const whole = /^[0-9a-f]{64}$/.test(text) ? findByDigest(store, text) : undefined;
  if (whole) return whole; // such digits alone are no reference
  const reference = store.parse(text);
  const image = store.records.find(formatReference(reference)) ?? findByDigest(store, text);
  if (image) return image;
  const shown = store.familiar(reference);
  throw new CtrError("not-found", `cannot ${action} "${shown}": there is no such image`, {
    hint: "see which there are with: ctr image ls",
  });
}

function findByDigest(store: Store, text: string): NamedImage | undefined {
  const digits = /^(?:sha256:)?([0-9a-f]{12,64})$/.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const found = store.records.list()
    .filter(({ descriptor }) => descriptor.digest.startsWith(`sha256:${digits}`));
  if (new Set(found.map(({ descriptor }) => descriptor.digest)).size > 1) {
    throw new CtrError("conflict", `cannot use "${text}": several images begin like that`);
  }
  return found.find(({ reference }) => !reference.includes("@")) ?? found[0];
}

export async function resolveForRun(
  store: Store,
  text: string,
  wanted: Platform,
  options: ResolveOptions,
): Promise<ResolvedImage> {
  const image = findImage(store, text);
  const shown = store.familiar(store.parse(image.reference));
  return await withAction(`cannot use "${shown}"`, store.paths.home, async () => {
    const manifest = await imageFor(store, image.descriptor, wanted, shown);
    return await withDisks(store, image.reference, image.descriptor, manifest, options);
  });
}

export async function resolveManifest(
  store: Store,
  digest: Digest,
  reference: string,
  options: ResolveOptions,
): Promise<ResolvedImage> {
  const shown = store.familiar(store.parse(reference));
  return await withAction(`cannot use "${shown}"`, store.paths.home, async () => {
    const size = await store.content.size(digest);
    const descriptor: Descriptor = { digest, size: size ?? 0, mediaType: "" };
    const manifest = size === undefined ? undefined : await readImage(store.content, descriptor);
    if (!manifest) throw gone(shown);
    return await withDisks(store, reference, descriptor, manifest, options);
  });
}

/** The manifest of an image for one platform, from the store. */
export async function imageFor(
  store: Store,
  descriptor: Descriptor,
  wanted: Platform,
  shown: string,
): Promise<ImageManifest> {
  const present = await presentImages(store, descriptor);
  const chosen = choosePlatform(present, wanted) ??
    // Artifacts of old tools name no platform at all; there is nothing to choose then.
    (present.length === 1 && present[0]!.platform.architecture === "" ? present[0] : undefined);
  if (chosen) return chosen;
  const listed = await manifestsOf(descriptor, storedTarget(store.content));
  const exists = choosePlatform(listed, wanted) !== undefined;
  if (exists || present.length === 0) {
    throw new CtrError(
      "not-found",
      `cannot use "${shown}": its ${formatPlatform(wanted)} part is not here`,
      { hint: `fetch it with: ctr image pull --platform ${formatPlatform(wanted)} ${shown}` },
    );
  }
  throw noPlatform(wanted, present.map(({ platform }) => formatPlatform(platform)).join(", "));
}

/** The platforms of an image whose documents are in the store. */
export async function presentImages(
  store: Store,
  descriptor: Descriptor,
): Promise<ImageManifest[]> {
  const found: ImageManifest[] = [];
  for (const entry of await manifestsOf(descriptor, storedTarget(store.content))) {
    const image = await readImage(store.content, entry);
    if (image) found.push(image);
  }
  return found;
}

async function withDisks(
  store: Store,
  reference: string,
  descriptor: Descriptor,
  image: ImageManifest,
  options: ResolveOptions,
): Promise<ResolvedImage> {
  const { layers, config, platform, manifest } = image;
  const plan = store.disks.plan(layers);
  await options.lease?.add(
    descriptor.digest,
    image.descriptor.digest,
    manifest.config.digest,
    ...layers.map(({ digest }) => digest),
    ...diskIds(plan),
  );
  const complete = await Promise.all(diskIds(plan).map((id) => store.disks.has(id)));
  if (complete.includes(false)) {
    for (const layer of layers) {
      if (!await store.content.has(layer)) throw missingBlob(reference, layer);
    }
  }
  const layerDisks = await completeDisks(store, layers, { signal: options.signal });
  return {
    reference,
    descriptor,
    manifestDigest: image.descriptor.digest,
    configDigest: manifest.config.digest,
    platform,
    config,
    layerDisks,
    privilegedFiles: sum(await Promise.all(layerDisks.map(privilegedFilesOf))),
    layers,
    chainId: chainIds(config.rootfs.diff_ids).at(-1),
  };
}

function sum(counts: readonly (number | undefined)[]): number | undefined {
  return counts.reduce(
    (all, each) => all === undefined || each === undefined ? undefined : all + each,
    0,
  );
}

function gone(shown: string): CtrError {
  return new CtrError("not-found", `cannot use "${shown}": it was removed`, {
    hint: `fetch it again with: ctr image pull ${shown}`,
  });
}
