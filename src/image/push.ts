import { CtrError } from "../core/mod.ts";
import {
  type Descriptor,
  type Digest,
  formatReference,
  IndexSchema,
  MAX_MANIFEST_BYTES,
  MEDIA_TYPE,
  parseDocument,
  type Reference,
} from "../oci/mod.ts";
import { referrersTag } from "../registry/mod.ts";
import { attachedTo } from "./artifacts.ts";
import { blobSource } from "./blob_source.ts";
import { withAction } from "./disk_errors.ts";
import type { ImageLease } from "./images.ts";
import type { NamedImage } from "./index_file.ts";
import { takeLease } from "./lease.ts";
import { type Document, planDocument, planPush, type PushPlan } from "./push_plan.ts";
import { findImage } from "./resolve.ts";
import { recordOf, type Store } from "./store.ts";
import { TaskGroup } from "./task_group.ts";
import type { LayerPhase, PushedImage, PushOptions } from "./types.ts";

const MAX_CONCURRENT = 5;

/** What one push carries through its steps. */
interface Push {
  readonly store: Store;
  readonly options: PushOptions;
  readonly lease: ImageLease;
  /** Blobs that are in the repository by now, of several tags. */
  readonly sent: Set<Digest>;
}

/** Sends an image, or all tags of its repository, to the registry that its reference names. */
export async function pushImage(
  store: Store,
  text: string,
  options: PushOptions,
): Promise<PushedImage[]> {
  const action = `cannot push "${store.familiar(store.parse(text))}"`;
  return await withAction(action, store.paths.home, async () => {
    await using lease = await takeLease(store.paths);
    const push: Push = { store, options, lease, sent: new Set() };
    const pushed: PushedImage[] = [];
    for (const image of chosenImages(store, text, options)) pushed.push(await pushOne(push, image));
    return pushed;
  });
}

function chosenImages(store: Store, text: string, options: PushOptions): NamedImage[] {
  if (!options.allTags) return [findImage(store, text, "push")];
  const { domain, path } = store.parse(text);
  if (/[:@][^/]*$/.test(text.slice(text.lastIndexOf("/") + 1))) {
    throw new CtrError("usage", `cannot push all tags of "${text}": name the repository alone`);
  }
  const images = store.records.list().filter(({ reference }) => {
    const each = store.parse(reference);
    return each.domain === domain && each.path === path && each.tag !== undefined;
  });
  if (images.length > 0) return images;
  throw new CtrError("not-found", `cannot push "${text}": there is no image of this repository`, {
    hint: "see which there are with: ctr image ls",
  });
}

async function pushOne(push: Push, image: NamedImage): Promise<PushedImage> {
  const { store, options, lease } = push;
  const reference = store.parse(image.reference);
  const plan = await planPush(store, image, options.platform, lease);
  const root = plan.documents.at(-1)!;
  options.onProgress?.({
    kind: "resolved",
    reference: image.reference,
    digest: root.descriptor.digest,
    platforms: plan.documents.flatMap(({ descriptor: { platform } }) =>
      platform && platform.os !== "unknown" ? [platform] : []
    ),
  });
  await sendPlan(push, reference, plan, reference.tag);
  const referrers = options.referrers ? await pushReferrers(push, reference, plan) : 0;
  return { ...recordOf(store, image), descriptor: root.descriptor, referrers };
}

/** Blobs, then what names them, then the name. @param tag Of the last document. */
async function sendPlan(
  push: Push,
  reference: Reference,
  { blobs, documents }: PushPlan,
  tag: string | undefined,
): Promise<{ readonly linksSubject: boolean }> {
  const { store, options } = push;
  await using group = new TaskGroup(options.maxConcurrent ?? MAX_CONCURRENT, options.signal);
  for (const blob of blobs) {
    if (push.sent.has(blob.digest)) continue;
    push.sent.add(blob.digest);
    tell(options, blob, "waiting", 0);
    group.add(() => sendBlob(push, reference, blob, group.signal));
  }
  await group.done();
  store.sources.add(reference, blobs.map(({ digest }) => digest));
  let answer = { linksSubject: true };
  const call = { scheme: options.scheme, signal: group.signal };
  for (const [at, { descriptor, bytes }] of documents.entries()) {
    const name = at === documents.length - 1 && tag !== undefined ? tag : descriptor.digest;
    answer = await store.registry.putManifest(reference, name, bytes, descriptor.mediaType, call);
  }
  return answer;
}

async function sendBlob(
  { store, options }: Push,
  reference: Reference,
  blob: Descriptor,
  signal: AbortSignal,
): Promise<void> {
  const call = { scheme: options.scheme, signal };
  if (await store.registry.has(reference, blob, call)) {
    return tell(options, blob, "exists", blob.size);
  }
  await using source = await blobSource(store.paths.blob(blob.digest));
  tell(options, blob, "uploading", 0);
  const how = await store.registry.upload(reference, blob, source, {
    ...call,
    mountFrom: store.sources.other(blob.digest, reference),
    onBytes: (bytes) => tell(options, blob, "uploading", bytes),
  });
  tell(options, blob, how === "mounted" ? "mounted" : "done", blob.size);
}

function tell(
  options: PushOptions,
  { digest, size }: Descriptor,
  phase: LayerPhase,
  current: number,
): void {
  options.onProgress?.({ kind: "layer", digest, phase, current, total: size });
}

/** Sends what is attached to the manifests of an image. @returns How many there were. */
async function pushReferrers(
  push: Push,
  reference: Reference,
  { documents }: PushPlan,
): Promise<number> {
  const { store, lease } = push;
  const shown = store.familiar(reference);
  const attached = await attachedTo(store, documents.map(({ descriptor }) => descriptor.digest));
  for (const { subject, descriptor } of attached) {
    const plan = await planDocument(store, descriptor, lease, shown);
    const { linksSubject } = await sendPlan(push, reference, plan, undefined);
    if (!linksSubject) await listUnderTag(push, reference, subject, descriptor, plan.documents[0]!);
  }
  return attached.length;
}

/** Where the registry keeps no list of what is attached, clients keep it under a tag. */
async function listUnderTag(
  { store, options }: Push,
  reference: Reference,
  subject: Digest,
  descriptor: Descriptor,
  { bytes }: Document,
): Promise<void> {
  const call = { scheme: options.scheme, signal: options.signal };
  const { referrers } = await store.registry.referrers(reference, subject, call);
  if (referrers.some(({ digest }) => digest === descriptor.digest)) return;
  const index = parseDocument(
    new TextEncoder().encode(JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.index,
      manifests: [...referrers, { ...descriptor, size: bytes.length }],
    })),
    IndexSchema,
    `what is attached to ${formatReference(reference)}`,
    MAX_MANIFEST_BYTES,
  );
  const list = new TextEncoder().encode(JSON.stringify(index));
  const tag = referrersTag(subject);
  await store.registry.putManifest(reference, tag, list, MEDIA_TYPE.index, call);
}
