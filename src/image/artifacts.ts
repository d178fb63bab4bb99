import { CtrError } from "../core/mod.ts";
import {
  type Descriptor,
  type Digest,
  hexOf,
  MAX_MANIFEST_BYTES,
  parseTarget,
} from "../oci/mod.ts";
import { fetchBlob } from "./fetch_blob.ts";
import { nameOf } from "./graph.ts";
import type { Attached } from "./index_file.ts";
import { lockObject } from "./object_lock.ts";
import type { Pull } from "./pull.ts";
import type { Store } from "./store.ts";

/** Signatures of SBOMs of images: what is attached to attached things is followed this far. */
const MAX_DEPTH = 3;
const MAX_ARTIFACTS = 1000;

/** Fetches a manifest that is not an image, and its blobs. Nothing is unpacked. */
export async function pullArtifact(pull: Pull, descriptor: Descriptor): Promise<void> {
  const { store, reference, options, lease, group } = pull;
  await lease.add(descriptor.digest);
  let bytes = await store.content.readSound(descriptor.digest, MAX_MANIFEST_BYTES);
  if (!bytes) {
    const call = { scheme: options.scheme, signal: group.signal, expected: descriptor };
    bytes = (await store.registry.manifest(reference, call)).bytes;
    await store.content.write(bytes, descriptor);
  }
  const target = parseTarget(bytes, descriptor.mediaType, nameOf(descriptor));
  if (target.kind !== "manifest") return;
  const blobs = [target.manifest.config, ...target.manifest.layers];
  await lease.add(...blobs.map(({ digest }) => digest));
  for (const blob of blobs) group.add(() => pullBlob(pull, blob));
}

async function pullBlob(pull: Pull, blob: Descriptor): Promise<void> {
  const { store, reference, options, group } = pull;
  const { digest, size } = blob;
  await using _lock = await lockObject(store.paths.lock(`blob-${hexOf(digest)}`), group.signal);
  const report = (phase: "downloading" | "done" | "exists", current: number) =>
    options.onProgress?.({ kind: "layer", digest, phase, current, total: size });
  if (await store.content.has(blob)) return report("exists", size);
  await fetchBlob(store.content, store.registry, blob, {
    reference,
    scheme: options.scheme,
    signal: group.signal,
    onBytes: (bytes) => report("downloading", bytes),
  });
  report("done", size);
}

/**
 * Fetches what is attached to the manifests `subjects`, and what is attached to that.
 *
 * @returns What was found, for the index.
 */
export async function pullReferrers(
  pull: Pull,
  subjects: Iterable<Digest>,
): Promise<Attached[]> {
  const { store, reference, options, group } = pull;
  const found = new Map<Digest, Attached>();
  let level = [...subjects];
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
    const next: Digest[] = [];
    for (const subject of level) {
      const call = { scheme: options.scheme, signal: group.signal };
      const { referrers } = await store.registry.referrers(reference, subject, call);
      for (const descriptor of referrers) {
        if (found.has(descriptor.digest)) continue;
        if (found.size >= MAX_ARTIFACTS) {
          throw new CtrError(
            "too-large",
            `cannot pull it: more than ${MAX_ARTIFACTS} artifacts are attached to it`,
          );
        }
        await pullArtifact(pull, descriptor);
        found.set(descriptor.digest, { subject, descriptor });
        next.push(descriptor.digest);
      }
    }
    level = next;
  }
  await group.done();
  return [...found.values()];
}

/** What is attached, directly or not, to manifests that are here. Subjects come before others. */
export async function attachedTo(store: Store, subjects: Iterable<Digest>): Promise<Attached[]> {
  const all = await store.records.attached();
  const reached = new Set(subjects);
  const found: Attached[] = [];
  for (let grown = true; grown;) {
    grown = false;
    for (const entry of all) {
      if (!reached.has(entry.subject) || reached.has(entry.descriptor.digest)) continue;
      reached.add(entry.descriptor.digest);
      found.push(entry);
      grown = true;
    }
  }
  return found;
}

/** Adds what is not there yet. */
export function withMore(
  more: readonly Attached[],
): (attached: readonly Attached[]) => readonly Attached[] {
  const key = ({ subject, descriptor }: Attached) => `${subject} ${descriptor.digest}`;
  return (attached) => [
    ...new Map([...attached, ...more].map((each) => [key(each), each])).values(),
  ];
}
