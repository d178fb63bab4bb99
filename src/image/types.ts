import type { DatabaseSync } from "node:sqlite";
import type { Log } from "../core/mod.ts";
import type { Descriptor, Digest, ImageConfig, Platform } from "../oci/mod.ts";
import type { Environment } from "../api/mod.ts";
import type { RegistryOptions, Scheme } from "../registry/mod.ts";
import type { ImageLease } from "./images.ts";
import type { Unpacker } from "./layer_disks.ts";

/** What an image may cost. A registry or an archive is a stranger. */
export interface ImageLimits {
  /** Bytes of one layer, unpacked. */
  readonly layerBytes: number;
  /** Entries of one layer. */
  readonly layerEntries: number;
  /** Character and block devices of one layer. */
  readonly layerDevices: number;
  /** Bytes of one archive that is loaded, decompressed. */
  readonly archiveBytes: number;
  /** Layer disks that one VM gets; the older layers of a longer image are merged. */
  readonly layerDisks: number;
}

export interface ImagesOptions {
  /** The ctr home; `content/`, `layers/` and `run/` are made in it. */
  readonly home: string;
  /** Open database. The tables of this folder are created in it by `openImages`. */
  readonly db: DatabaseSync;
  readonly log?: Log;
  readonly registry?: RegistryOptions;
  /** Of callers that send none. Default: `registry` alone counts. */
  readonly environment?: Environment;
  readonly limits?: Partial<ImageLimits>;
  /** Host of references that name none. Default `docker.io`. */
  readonly defaultDomain?: string;
  /** Digests of manifests that containers use, running or not. Their blobs and disks are kept. */
  readonly usedManifests?: () => Iterable<string>;
  /** The same with the containers' names, for errors. */
  readonly users?: () => Iterable<{ readonly name: string; readonly manifest: string }>;
  /** Layers that are kept although no image has them: a build's cache. */
  readonly cached?: CachedLayers;
  /** Default: the workers of `unpack/`. */
  readonly unpacker?: () => Promise<Unpacker>;
}

export interface PullOptions {
  /** Default: Linux on the host's architecture. `all` pulls every platform of an index. */
  readonly platform?: Platform | "all";
  /** Of the caller: proxies, certificates, credentials. */
  readonly environment?: Environment | undefined;
  readonly scheme?: Scheme;
  /** Blobs that are fetched at once. Default 6. */
  readonly maxConcurrent?: number;
  readonly signal?: AbortSignal;
  /** Called often and synchronously; it must not throw. */
  readonly onProgress?: (progress: PullProgress) => void;
  /** False fetches blobs alone and makes no layer disks. Default true. */
  readonly unpack?: boolean;
  /** True also fetches what is attached to the image: signatures, SBOMs. */
  readonly referrers?: boolean;
}

export interface PushOptions {
  /** Default: everything that the reference names, which must all be here. */
  readonly platform?: Platform;
  /** True sends every tag of the repository; the reference names it without a tag. */
  readonly allTags?: boolean;
  /** True also sends what is attached to the image. */
  readonly referrers?: boolean;
  /** Of the caller: proxies, certificates, credentials. */
  readonly environment?: Environment | undefined;
  readonly scheme?: Scheme;
  /** Blobs that are sent at once. Default 5. */
  readonly maxConcurrent?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PullProgress) => void;
}

export type LayerPhase =
  | "waiting"
  | "downloading"
  | "unpacking"
  | "converting"
  | "uploading"
  | "mounted"
  | "done"
  | "exists";

export type PullProgress =
  /** A sentence for the user, whatever else is shown. */
  | { readonly kind: "warning"; readonly text: string }
  | {
    readonly kind: "resolved";
    readonly reference: string;
    readonly digest: Digest;
    readonly platforms: readonly Platform[];
  }
  /** `current` and `total` count compressed bytes. `digest` names the blob. */
  | {
    readonly kind: "layer";
    readonly digest: Digest;
    readonly phase: LayerPhase;
    readonly current: number;
    readonly total: number;
  }
  /** Layers below the topmost ones become one disk. */
  | { readonly kind: "merge"; readonly phase: "unpacking" | "done"; readonly layers: number };

/** A row of `image ls`. */
export interface ImageRecord {
  /** Everything spelled out: `docker.io/library/alpine:latest`. */
  readonly reference: string;
  /** What tables show: `alpine:latest`. */
  readonly familiar: string;
  /** The index, or the manifest where there is no index. */
  readonly descriptor: Descriptor;
  readonly createdAt: Date;
}

export interface PulledImage extends ImageRecord {
  /** The platforms that are complete in the store after this pull. */
  readonly platforms: readonly Platform[];
  /** Attached artifacts that were fetched. */
  readonly referrers: number;
}

/** `descriptor` is of what the registry has under the reference now. */
export interface PushedImage extends ImageRecord {
  /** Attached artifacts that were sent. */
  readonly referrers: number;
}

/** A layer as a blob, bottom first where there are several. */
export interface LayerBlob {
  readonly digest: Digest;
  readonly diffId: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly path: string;
}

/** All that a container needs from its image. */
export interface ResolvedImage {
  readonly reference: string;
  /** Of the index or manifest that the reference names. */
  readonly descriptor: Descriptor;
  readonly manifestDigest: Digest;
  /** Docker's image ID. */
  readonly configDigest: Digest;
  readonly platform: Platform;
  readonly config: ImageConfig;
  /** Read-only ext4 disks, bottom first, at most `limits.layerDisks`. */
  readonly layerDisks: readonly string[];
  /**
   * Regular files on the disks that are setuid, setgid or have file capabilities; some of them may be
   * hidden. Undefined if a disk does not say, as those of earlier versions do not.
   */
  readonly privilegedFiles: number | undefined;
  /** The blobs behind the disks, for a machine's merged root, a push, or `docker save`. */
  readonly layers: readonly LayerBlob[];
  /** The chain ID of the topmost layer: equal for images with the same root file system. */
  readonly chainId: Digest | undefined;
}

export interface ResolveOptions {
  readonly signal?: AbortSignal;
  /** Keeps what is resolved from being collected until the container is on record. */
  readonly lease?: ImageLease;
}

/** The JSON object of `image ls --format json` and `image inspect`. */
export interface ImageObject {
  /** 64 hexadecimal digits of the index's or manifest's digest. */
  readonly id: string;
  readonly configuration: {
    readonly name: string;
    /** ISO 8601. */
    readonly creationDate: string;
    readonly descriptor: Descriptor;
  };
  readonly variants: readonly ImageVariant[];
}

export interface ImageVariant {
  readonly platform: Platform;
  /** Of the manifest. */
  readonly digest: Digest;
  /** Bytes of the manifest, the config and the layers as they are in the store. */
  readonly size: number;
  /** The OCI image config, as it was written. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface RemoveOptions {
  /** Forget a reference although a container uses its image. Blobs and disks stay then. */
  readonly force?: boolean;
}

export interface Removed {
  /** References that were forgotten. */
  readonly untagged: readonly string[];
  /** Blobs that were deleted. */
  readonly deleted: readonly Digest[];
  readonly reclaimedBytes: number;
}

export interface PruneOptions {
  /** True also forgets named images that no container uses. */
  readonly all?: boolean;
  /** Only images that came here before this time. */
  readonly until?: Date;
  /** Only images with these labels; `not`, without. */
  readonly labels?: readonly {
    readonly name: string;
    readonly value?: string | undefined;
    readonly not?: boolean;
  }[];
}

/** `directory` is an OCI layout; `bytes` and `file` are archives, plain or gzip or zstd. */
export type LoadSource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "bytes"; readonly bytes: AsyncIterable<Uint8Array> };

export interface LoadOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PullProgress) => void;
  /** Skip unsafe members instead of refusing the archive. */
  readonly skipUnsafe?: boolean;
  /**
   * When the disks of the platform that runs here are made: `now` (default), or `later`, behind the
   * caller's back. A container that is started before they are there waits for them.
   */
  readonly unpack?: "now" | "later";
}

export interface Loaded {
  readonly images: readonly ImageRecord[];
  /** Unsafe members that were skipped. */
  readonly skipped: readonly string[];
}

export interface SaveOptions {
  /** `oci` (default): a layout. `docker`: what `docker save` writes, one platform per image. */
  readonly format?: "oci" | "docker";
  /** Of the whole archive. Default `none`: layers are compressed already. */
  readonly compression?: "none" | "gzip" | "zstd";
  /** Default: everything that is in the store (`oci`), the host's platform (`docker`). */
  readonly platform?: Platform;
}

export interface ImageDiskUsage {
  readonly total: number;
  /** Images that a container uses. */
  readonly active: number;
  /** What the host's file system has allocated. */
  readonly sizeInBytes: number;
  /** What the files say they are: disks are sparse. */
  readonly logicalInBytes: number;
  /** Bytes that `prune({ all: true })` would free. */
  readonly reclaimable: number;
}

/** What one image costs, shared parts included. */
export interface ImageUsage {
  readonly reference: string;
  /** A container uses it. */
  readonly active: boolean;
  readonly createdAt: Date;
  readonly sizeInBytes: number;
  readonly logicalInBytes: number;
  /** What other images have too. */
  readonly sharedInBytes: number;
}

export interface Swept {
  readonly files: number;
  readonly bytes: number;
}

export interface SweepOptions {
  /** Partial downloads that are older are removed. Default: a day. */
  readonly partialMs?: number;
}

export interface WriteBlobOptions {
  readonly expected?: { readonly digest: Digest; readonly size: number };
  /** Gets the digest before the blob has its name, so that no collection comes in between. */
  readonly lease?: ImageLease;
}

/** One platform of an image that is at its registry. */
export interface RemoteManifest {
  /** The document of its configuration. */
  readonly config: Uint8Array;
  readonly layers: readonly Descriptor[];
}

export interface RemoteImage {
  /** @throws {CtrError} As `pull` does; `unsupported` for what is no image. */
  manifests(): Promise<readonly RemoteManifest[]>;
  /** Brings one layer into the store, blob and disk, unless it is there. @param lease Keeps it. */
  fetchLayer(layer: Omit<LayerBlob, "path">, lease: ImageLease): Promise<void>;
}

/** What a build's cache keeps. */
export interface CachedLayers {
  layers(): Iterable<{ readonly digest: Digest; readonly diffId: Digest }>;
  /** Another text whenever `layers` may have become more. */
  version(): string;
}

/** Names for a layer that is being made, for `makeLayer` of `unpack/`. What is not kept is removed. */
export interface PendingLayer extends AsyncDisposable {
  /** Path for the blob. */
  readonly blob: string;
  /** Path for the disk. */
  readonly disk: string;
  /** Gives both files, flushed and complete, their names for good. */
  keep(layer: Omit<LayerBlob, "path">): Promise<LayerBlob>;
}

/** What a layer of a build's cache takes on the host's disk: blob and layer disk. */
export interface CacheUsage {
  readonly sizeInBytes: number;
  readonly logicalInBytes: number;
  /** An image or a container needs it too. */
  readonly shared: boolean;
}

/** Blobs that go into a new image, made by `build` and `commit`. */
export interface NewLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}
