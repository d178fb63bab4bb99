import { CtrError } from "../core/mod.ts";
import {
  type Descriptor,
  digestOf,
  hexOf,
  MAX_CONFIG_BYTES,
  parseTarget,
  type Reference,
} from "../oci/mod.ts";
import { checkDigest, fetchBlob } from "./fetch_blob.ts";
import { checkIsImage, manifestsOf, nameOf } from "./graph.ts";
import type { ImageLease } from "./images.ts";
import { lockObject } from "./object_lock.ts";
import type { Store } from "./store.ts";
import type { LayerBlob, PullOptions, RemoteImage, RemoteManifest } from "./types.ts";

type RemoteOptions = Pick<PullOptions, "scheme" | "signal">;

/** More platforms than this are not looked at. */
const MOST_PLATFORMS = 32;

/** An image as its registry has it, of which layers are fetched one by one when they are wanted. */
export class StoreRemote implements RemoteImage {
  readonly #store: Store;
  readonly #reference: Reference;
  readonly #options: RemoteOptions;

  constructor(store: Store, text: string, options: RemoteOptions) {
    this.#store = store;
    this.#reference = store.parse(text);
    this.#options = options;
  }

  async manifests(): Promise<RemoteManifest[]> {
    const { registry } = this.#store;
    const { bytes, descriptor } = await registry.manifest(this.#reference, this.#call());
    const known = new Map([[descriptor.digest, bytes]]);
    const read = async (wanted: Descriptor) => {
      const found = known.get(wanted.digest) ?? (await registry.manifest(this.#reference, {
        ...this.#call(),
        expected: wanted,
      })).bytes;
      return parseTarget(found, wanted.mediaType, nameOf(wanted));
    };
    const manifests = (await manifestsOf(descriptor, read)).slice(0, MOST_PLATFORMS);
    return await Promise.all(manifests.map(async (each) => {
      const target = await read(each);
      if (target.kind !== "manifest") throw new CtrError("bad-data", "it is an index in an index");
      checkIsImage(target.manifest);
      const { config, layers } = target.manifest;
      return { config: await this.#document(config), layers };
    }));
  }

  async fetchLayer(layer: Omit<LayerBlob, "path">, lease: ImageLease): Promise<void> {
    const { content, disks, paths, registry } = this.#store;
    const signal = this.#options.signal ?? new AbortController().signal;
    await lease.add(layer.digest, layer.diffId);
    await using _lock = await lockObject(paths.lock(`blob-${hexOf(layer.digest)}`), signal);
    if (await content.has(layer)) return;
    const path = paths.blob(layer.digest);
    await fetchBlob(content, registry, layer, {
      reference: this.#reference,
      scheme: this.#options.scheme,
      signal,
      onBytes: () => {},
      tee: async (bytes) => {
        const made = await disks.make({ ...layer, path }, () => bytes, { signal });
        if (!made) await checkDigest(bytes, layer);
      },
    });
  }

  async #document(descriptor: Descriptor): Promise<Uint8Array> {
    if (descriptor.size > MAX_CONFIG_BYTES) {
      throw new CtrError("too-large", `its configuration has ${descriptor.size} bytes`);
    }
    const kept = await this.#store.content.readSound(descriptor.digest, MAX_CONFIG_BYTES);
    if (kept) return kept;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    const { registry } = this.#store;
    for await (const piece of await registry.blob(this.#reference, descriptor, this.#call())) {
      parts.push(piece.slice());
    }
    const bytes = await new Blob(parts).bytes();
    if (digestOf(bytes) === descriptor.digest) return bytes;
    throw new CtrError("bad-data", "its configuration has another digest");
  }

  #call(): RemoteOptions {
    return this.#options;
  }
}
