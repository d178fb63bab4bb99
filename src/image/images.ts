import type { Descriptor, Digest, Platform } from "../oci/mod.ts";
import type {
  ConvertOptions,
  DiffOptions,
  HistoryEntry,
  ImageDiff,
  ImportOptions,
} from "./form_types.ts";
import type {
  CacheUsage,
  ImageDiskUsage,
  ImageObject,
  ImageRecord,
  ImageUsage,
  LayerBlob,
  Loaded,
  LoadOptions,
  LoadSource,
  NewLayer,
  PendingLayer,
  PruneOptions,
  PulledImage,
  PullOptions,
  PushedImage,
  PushOptions,
  RemoteImage,
  Removed,
  RemoveOptions,
  ResolvedImage,
  ResolveOptions,
  SaveOptions,
  SweepOptions,
  Swept,
  WriteBlobOptions,
} from "./types.ts";

/**
 * The images of one ctr home.
 *
 * Every method may run at the same time as every other one, in this process and in others, and any
 * process may be killed in the middle of one.
 *
 * References are what users type (`alpine`); whatever comes back is spelled out.
 */
export interface Images extends AsyncDisposable {
  /**
   * Makes `reference` available: fetches what is missing and unpacks it.
   *
   * @throws {CtrError} `not-found` (no such image, tag or platform), `denied`, `unavailable`,
   * `timeout`, `bad-data` (a digest or a size does not hold), `no-space`, `too-large`,
   * `unsupported`; whatever `signal` was aborted with.
   */
  pull(reference: string, options?: PullOptions): Promise<PulledImage>;

  /** Pulls every tag of the repository that `reference` names, one after the other. */
  pullAll(reference: string, options?: PullOptions): Promise<readonly PulledImage[]>;

  /**
   * Sends what `reference` names to its registry, byte for byte as it is here. Blobs that the
   * registry has are not sent again, or are mounted from another repository.
   *
   * @returns One image, or with `allTags` all of the repository.
   * @throws {CtrError} `not-found` if a part is not here, `denied`, `unavailable`, `timeout`,
   * `bad-data`; whatever `signal` was aborted with.
   */
  push(reference: string, options?: PushOptions): Promise<readonly PushedImage[]>;

  /**
   * What a container needs, from the store alone. A missing layer disk is unpacked again.
   *
   * @param platform Default: Linux on the host's architecture.
   * @throws {CtrError} `not-found` if the reference, the platform or a blob is not here.
   */
  resolveForRun(
    reference: string,
    platform?: Platform,
    options?: ResolveOptions,
  ): Promise<ResolvedImage>;

  /** As `resolveForRun`, for a container that was created before its tag moved. */
  resolveManifest(
    manifest: Digest,
    reference: string,
    options?: ResolveOptions,
  ): Promise<ResolvedImage>;

  /** Sorted by reference. */
  list(): Promise<readonly ImageRecord[]>;
  /** @returns Undefined if there is no such reference. */
  find(reference: string): Promise<ImageRecord | undefined>;
  /** @throws {CtrError} `not-found`. */
  inspect(reference: string): Promise<ImageObject>;
  /** Gives `target` to what `source` names; an image that bore `target` loses it. */
  tag(source: string, target: string): Promise<ImageRecord>;

  /**
   * Forgets references and deletes what only they needed.
   *
   * @throws {CtrError} `not-found`; `invalid-state` if a container uses the image, without `force`.
   * Nothing was forgotten then.
   */
  remove(references: readonly string[], options?: RemoveOptions): Promise<Removed>;
  /** Deletes what no reference and no container needs; with `all`, unused references too. */
  prune(options?: PruneOptions): Promise<Removed>;

  /** Reads an OCI layout or what `docker save` wrote; which of them is seen from the content. */
  load(source: LoadSource, options?: LoadOptions): Promise<Loaded>;
  /** An archive, as it is made. */
  save(references: readonly string[], options?: SaveOptions): AsyncIterable<Uint8Array>;

  /** How the image was made, the last step first. @throws {CtrError} `not-found`. */
  history(
    reference: string,
    options?: { readonly platform?: Platform },
  ): Promise<readonly HistoryEntry[]>;
  /** Gives `target` to an image with the same content in another form. */
  convert(source: string, target: string, options?: ConvertOptions): Promise<ImageRecord>;
  /** Makes an image from the archive of a root file system, plain or gzip or zstd. */
  import(
    source: Exclude<LoadSource, { readonly kind: "directory" }>,
    options?: ImportOptions,
  ): Promise<ImageRecord>;
  /** What differs from `a` to `b`. */
  diff(a: string, b: string, options?: DiffOptions): Promise<ImageDiff>;

  /** Where the bytes of a blob are. @throws {CtrError} `not-found`. */
  blobPath(digest: Digest): Promise<string>;
  /** Keeps bytes under their digest. @throws {CtrError} `bad-data` if `expected` does not hold. */
  writeBlob(
    bytes: AsyncIterable<Uint8Array> | Uint8Array,
    mediaType: string,
    options?: WriteBlobOptions,
  ): Promise<Descriptor>;
  /** Unpacks a layer's blob, unless its disk is there. @returns The disk's path. */
  layerDisk(layer: NewLayer, options?: { readonly signal?: AbortSignal }): Promise<string>;
  /** An image at its registry, to take single layers from. */
  remote(
    reference: string,
    options?: Pick<PullOptions, "environment" | "scheme" | "signal">,
  ): Promise<RemoteImage>;
  /** Makes room for a layer that is being made. @param lease Gets the layer's digests when it is kept. */
  pendingLayer(lease: ImageLease): Promise<PendingLayer>;
  /** Whether a layer's blob is here. @param lease Keeps it, and its disk, from now on. */
  hasLayer(layer: Omit<LayerBlob, "path">, lease: ImageLease): Promise<boolean>;
  /** Deletes blobs and disks that nothing needs, as `prune` does after it has forgotten names. */
  collect(): Promise<Removed>;
  /** What layers of a build's cache cost, in their order. */
  measureLayers(
    layers: readonly Pick<LayerBlob, "digest" | "diffId">[],
  ): Promise<readonly CacheUsage[]>;
  /** Gives `reference` to an index or manifest whose blobs are in the store. */
  register(reference: string, target: Descriptor): Promise<ImageRecord>;
  /**
   * Keeps blobs from being collected until disposed, also across crashes of other processes.
   * Take it before the first `writeBlob` of an image that is being made.
   */
  lease(): Promise<ImageLease>;

  diskUsage(): Promise<ImageDiskUsage>;
  /** By reference. */
  usageOfEach(): Promise<readonly ImageUsage[]>;
  /** What is missing of images and of what containers need, one sentence each. */
  problems(): Promise<readonly string[]>;
  /** Removes what killed processes left: temporary files, partial downloads, stale leases. */
  sweep(options?: SweepOptions): Promise<Swept>;
  /** Makes the database's rows from `content/index.json`, after the database was lost. */
  rebuild(): Promise<readonly ImageRecord[]>;
}

export interface ImageLease extends AsyncDisposable {
  add(...digests: readonly Digest[]): Promise<void>;
}
