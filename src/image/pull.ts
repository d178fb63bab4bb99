import { CtrError } from "../core/mod.ts";
import {
  choosePlatform,
  type Descriptor,
  type Digest,
  formatPlatform,
  formatReference,
  type ImageConfig,
  type Manifest,
  MAX_CONFIG_BYTES,
  MAX_MANIFEST_BYTES,
  parseImageConfig,
  parseTarget,
  type Platform,
  type Reference,
  samePlatform,
  type Target,
} from "../oci/mod.ts";
import { pullArtifact, pullReferrers, withMore } from "./artifacts.ts";
import { collectThese } from "./collect.ts";
import { withAction } from "./disk_errors.ts";
import { fetchBlob } from "./fetch_blob.ts";
import {
  artifactsOf,
  checkIsImage,
  layersOf,
  manifestsOf,
  nameOf,
  platformList,
  platformOf,
} from "./graph.ts";
import type { ImageLease } from "./images.ts";
import { takeLease } from "./lease.ts";
import { diskIds } from "./layer_disks.ts";
import { lockObject } from "./object_lock.ts";
import { pullLayer } from "./pull_layer.ts";
import { recordOf, type Store } from "./store.ts";
import { TaskGroup } from "./task_group.ts";
import type { LayerBlob, PulledImage, PullOptions } from "./types.ts";

const MAX_CONCURRENT = 6;

/** What one pull carries through its steps. */
export interface Pull {
  readonly store: Store;
  readonly reference: Reference;
  readonly options: PullOptions;
  readonly lease: ImageLease;
  readonly group: TaskGroup;
  readonly merged: Set<Digest>;
}

export async function pullImage(
  store: Store,
  text: string,
  options: PullOptions,
): Promise<PulledImage> {
  const reference = store.parse(text);
  const action = `cannot pull "${store.familiar(reference)}"`;
  return await withAction(action, store.paths.home, async () => {
    const merged = new Set<Digest>();
    const pulled = await pullLeased(store, reference, options, merged);
    await collectThese(store, "disks", merged);
    return pulled;
  });
}

/** @param merged Gets the diff IDs of layers that are part of a merged disk now. */
async function pullLeased(
  store: Store,
  reference: Reference,
  options: PullOptions,
  merged: Set<Digest>,
): Promise<PulledImage> {
  await using lease = await takeLease(store.paths);
  await using group = new TaskGroup(options.maxConcurrent ?? MAX_CONCURRENT, options.signal);
  const pull: Pull = { store, reference, options, lease, group, merged };
  const descriptor = await resolve(pull);
  const read = fetchedTarget(pull);
  const manifests = choose(pull, descriptor, await manifestsOf(descriptor, read));
  options.onProgress?.({
    kind: "resolved",
    reference: formatReference(reference),
    digest: descriptor.digest,
    platforms: manifests.flatMap(({ platform }) => platform ?? []),
  });
  const platforms = await pullManifests(pull, manifests, read);
  if (options.platform === "all") {
    for (const artifact of await artifactsOf(descriptor, read)) await pullArtifact(pull, artifact);
    await group.done();
  }
  const subjects = new Set([descriptor, ...manifests].map(({ digest }) => digest));
  const attached = options.referrers ? await pullReferrers(pull, subjects) : [];
  const image = await store.records.put(formatReference(reference), descriptor);
  if (attached.length > 0) await store.records.changeAttached(withMore(attached));
  return { ...recordOf(store, image), platforms, referrers: attached.length };
}

/** Pulls every tag that the registry lists. */
export async function pullAllTags(
  store: Store,
  text: string,
  options: PullOptions,
): Promise<PulledImage[]> {
  const repository = store.parse(text);
  const named = text.slice(text.lastIndexOf("/") + 1);
  if (/[:@]/.test(named)) {
    throw new CtrError("usage", `cannot pull all tags of "${text}": name the repository alone`);
  }
  const call = { scheme: options.scheme, signal: options.signal };
  const pulled: PulledImage[] = [];
  for await (const tag of store.registry.tags(repository, call)) {
    if (isReferrersTag(tag)) continue;
    pulled.push(await pullImage(store, formatReference({ ...repository, tag }), options));
  }
  return pulled;
}

/** Lists of what is attached stand among the tags of old registries. */
function isReferrersTag(tag: string): boolean {
  return /^sha256-[0-9a-f]{64}/.test(tag);
}

/** Finds out what the reference names, and fetches it unless it is here. */
async function resolve(pull: Pull): Promise<Descriptor> {
  const { store, reference, group, options, lease } = pull;
  const call = { scheme: options.scheme, signal: group.signal };
  if (reference.digest) await lease.add(reference.digest);
  const pinned = reference.digest && await stored(store, reference.digest);
  if (pinned) return pinned;
  const known = await store.registry.resolve(reference, call);
  if (known) await lease.add(known.digest);
  const here = known && await stored(store, known.digest);
  if (here) return here;
  const { bytes, descriptor } = await store.registry.manifest(reference, call);
  await lease.add(descriptor.digest);
  await store.content.write(bytes, descriptor);
  return trueDescriptor(bytes, descriptor);
}

async function stored({ content }: Store, digest: Digest): Promise<Descriptor | undefined> {
  const bytes = await content.readSound(digest, MAX_MANIFEST_BYTES);
  return bytes && trueDescriptor(bytes, { digest, size: bytes.length, mediaType: "" });
}

/** Registries mislabel, so what is kept is what the document turns out to be. */
function trueDescriptor(bytes: Uint8Array, descriptor: Descriptor): Descriptor {
  const { mediaType } = parseTarget(bytes, descriptor.mediaType, nameOf(descriptor));
  return { mediaType, digest: descriptor.digest, size: bytes.length };
}

type FetchTarget = (descriptor: Descriptor) => Promise<Target>;

function fetchedTarget({ store, reference, group, options, lease }: Pull): FetchTarget {
  return async (descriptor) => {
    await lease.add(descriptor.digest);
    let bytes = await store.content.readSound(descriptor.digest, MAX_MANIFEST_BYTES);
    if (!bytes) {
      const call = { scheme: options.scheme, signal: group.signal, expected: descriptor };
      bytes = (await store.registry.manifest(reference, call)).bytes;
      await store.content.write(bytes, descriptor);
    }
    return parseTarget(bytes, descriptor.mediaType, nameOf(descriptor));
  };
}

function choose(
  { store, options }: Pull,
  descriptor: Descriptor,
  manifests: readonly Descriptor[],
): readonly Descriptor[] {
  if (options.platform === "all") return manifests;
  const [only] = manifests;
  // No index: the configuration tells the platform, and is checked when it is here.
  if (only?.digest === descriptor.digest) return [only];
  const wanted = options.platform ?? store.hostPlatform;
  const chosen = choosePlatform(manifests, wanted);
  if (!chosen) throw noPlatform(wanted, platformList(manifests));
  return [chosen];
}

export function noPlatform(wanted: Platform, available: string): CtrError {
  return new CtrError(
    "not-found",
    `cannot choose a platform: it is not made for ${formatPlatform(wanted)}, only for ${available}`,
    { hint: "choose another with: --platform" },
  );
}

async function pullManifests(
  pull: Pull,
  descriptors: readonly Descriptor[],
  read: FetchTarget,
): Promise<Platform[]> {
  const images: { manifest: Manifest; config: Promise<ImageConfig>; platform?: Platform }[] = [];
  const seen = new Set<Digest>();
  for (const descriptor of descriptors) {
    const target = await read(descriptor);
    if (target.kind !== "manifest") continue;
    const { manifest } = target;
    checkIsImage(manifest);
    const blobs = [manifest.config, ...manifest.layers].map(({ digest }) => digest);
    await pull.lease.add(...blobs);
    pull.store.sources.add(pull.reference, blobs);
    const config = pullConfig(pull, manifest, descriptor);
    config.catch(() => {}); // a layer's task, or the loop below, meets it
    manifest.layers.forEach((layer, at) => {
      if (seen.has(layer.digest)) return;
      seen.add(layer.digest);
      pullLayer(pull, layer, async () => {
        const layers = layersOf(manifest, await config, pull.store.content);
        return { layer: layers[at]!, needsDisk: await needsDisk(pull, layers, at) };
      });
    });
    images.push({
      manifest,
      config,
      ...(descriptor.platform && { platform: descriptor.platform }),
    });
  }
  const platforms: Platform[] = [];
  for (const { manifest, config, platform } of images) {
    // Settles when its tasks do, and those stop when one of them fails.
    const known = await config.catch(async (error) => {
      pull.group.add(() => Promise.reject(error));
      return await pull.group.done() as never;
    });
    platforms.push(platform ?? platformOf(known));
    layersOf(manifest, known, pull.store.content);
  }
  await pull.group.done();
  for (const { manifest, config } of images) {
    await completeDisks(pull, layersOf(manifest, await config, pull.store.content));
  }
  return platforms;
}

async function pullConfig(
  { store, reference, group, options }: Pull,
  { config: descriptor }: Manifest,
  manifest: Descriptor,
): Promise<ImageConfig> {
  if (descriptor.size > MAX_CONFIG_BYTES) {
    throw new CtrError(
      "too-large",
      `cannot use the image: its configuration has ${descriptor.size} bytes`,
    );
  }
  await using _lock = await lockObject(
    store.paths.lock(`blob-${descriptor.digest.slice(7)}`),
    group.signal,
  );
  let bytes = await store.content.readSound(descriptor.digest, MAX_CONFIG_BYTES);
  if (!bytes) {
    const { signal } = group;
    const { scheme } = options;
    const onBytes = () => {};
    const { content, registry } = store;
    await fetchBlob(content, registry, descriptor, { reference, scheme, signal, onBytes });
    bytes = await content.read(descriptor.digest, MAX_CONFIG_BYTES);
  }
  const config = parseImageConfig(bytes!, "its configuration");
  const wanted = options.platform === "all" ? undefined : options.platform ?? store.hostPlatform;
  const unnamed = manifest.platform === undefined && config.architecture !== "";
  if (wanted && unnamed && !fits(config, wanted)) {
    throw noPlatform(wanted, formatPlatform(platformOf(config)));
  }
  return config;
}

function fits(config: ImageConfig, wanted: Platform): boolean {
  const platform = platformOf(config);
  return samePlatform(platform, wanted) || choosePlatform([{ platform }], wanted) !== undefined;
}

/** False for a layer that is part of a merged disk which is there already. */
async function needsDisk(
  { store, options, lease }: Pull,
  layers: readonly LayerBlob[],
  at: number,
): Promise<boolean> {
  if (options.unpack === false) return false;
  const { merged, mergedId } = store.disks.plan(layers);
  const isMerged = merged.some(({ diffId }) => diffId === layers[at]!.diffId);
  if (!isMerged || mergedId === undefined) return true;
  await lease.add(mergedId);
  return !await store.disks.has(mergedId);
}

/** A VM gets only so many disks: the lower layers of a long image become one. */
async function completeDisks(pull: Pull, layers: readonly LayerBlob[]): Promise<void> {
  const { store, options, lease, group } = pull;
  if (options.unpack === false) return;
  const plan = store.disks.plan(layers);
  await lease.add(...diskIds(plan), ...plan.merged.map(({ diffId }) => diffId));
  const merges = plan.mergedId !== undefined && !await store.disks.has(plan.mergedId);
  const count = plan.merged.length;
  if (merges) options.onProgress?.({ kind: "merge", phase: "unpacking", layers: count });
  await store.disks.complete(layers, { signal: group.signal });
  if (merges) { for (const { diffId } of plan.merged) pull.merged.add(diffId); }
  if (merges) options.onProgress?.({ kind: "merge", phase: "done", layers: count });
}
