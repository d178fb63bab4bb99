import type { Descriptor, Digest, Reference } from "../oci/mod.ts";
import type { Scheme } from "./types.ts";
import type { BlobSource } from "./upload.ts";

export interface CallOptions {
  readonly scheme?: Scheme | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FetchedManifest {
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor;
}

/** One client for every registry. It keeps tokens in memory and nothing else. */
export interface Registry {
  /** What `reference` leads to, without fetching it. Undefined if the registry does not tell. */
  resolve(reference: Reference, options?: CallOptions): Promise<Descriptor | undefined>;
  /** Fetches an index or a manifest, by `digest` if given, and checks its digest. */
  manifest(
    reference: Reference,
    options?: CallOptions & { readonly expected?: Pick<Descriptor, "digest" | "size"> },
  ): Promise<FetchedManifest>;
  /**
   * Opens a blob from `offset` on. Breaks are mended by ranges; the size is checked, the digest is
   * left to the reader. Cancel it by `signal` or by ending the iteration.
   */
  blob(
    reference: Reference,
    descriptor: Pick<Descriptor, "digest" | "size">,
    options?: CallOptions & { readonly offset?: number },
  ): Promise<AsyncGenerator<Uint8Array>>;
  /** Names of the tags of the repository of `reference`, page by page, as the registry sorts them. */
  tags(reference: Reference, options?: CallOptions): AsyncGenerator<string>;
  /** Descriptors of what is attached to a manifest; `fallback` if a tag told, not the API. */
  referrers(
    reference: Reference,
    digest: Digest,
    options?: CallOptions,
  ): Promise<{ readonly fallback: boolean; readonly referrers: readonly Descriptor[] }>;
  /** True if the repository has the blob, or with `kind: "manifest"` the manifest. */
  has(
    reference: Reference,
    descriptor: Pick<Descriptor, "digest">,
    options?: CallOptions & { readonly kind?: "blob" | "manifest" },
  ): Promise<boolean>;
  /** Puts a blob into the repository of `reference`. */
  upload(
    reference: Reference,
    descriptor: Pick<Descriptor, "digest" | "size">,
    source: BlobSource,
    options?: CallOptions & UploadOptions,
  ): Promise<"mounted" | "uploaded">;
  /**
   * Puts an index or a manifest under a tag or its digest.
   *
   * @returns `linksSubject` false if the registry did not list it as attached to its subject.
   */
  putManifest(
    reference: Reference,
    name: string,
    bytes: Uint8Array<ArrayBuffer>,
    mediaType: string,
    options?: CallOptions,
  ): Promise<{ readonly linksSubject: boolean }>;
  /** What a user should know before the registry is used. */
  warning(reference: Reference): string | undefined;
  /** Whether what is pulled may come from a mirror. */
  mayMirror(reference: Reference): boolean;
  /** Leaves out the mirrors of a registry from now on, because what came from them was wrong. */
  distrustMirrors(reference: Reference): void;
  /**
   * Asks for the API's version, to try a login.
   *
   * @returns Whether the registry asked who we are.
   */
  ping(host: string, options?: CallOptions): Promise<{ readonly asked: boolean }>;
}

export interface UploadOptions {
  /** Repository of the same registry that is said to have the blob. */
  readonly mountFrom?: string | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}
