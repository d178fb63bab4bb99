import { z } from "zod";
import { CtrError } from "../core/mod.ts";
import {
  type Descriptor,
  type Digest,
  digestOf,
  familiarReference,
  isDigest,
  MANIFEST_TYPES,
  MAX_MANIFEST_BYTES,
  type Reference,
} from "../oci/mod.ts";
import { listReferrers, nextPage } from "./artifacts.ts";
import { Authenticator } from "./auth.ts";
import { openBlob } from "./blob.ts";
import { defaultCredentials } from "./credentials.ts";
import type { Subject } from "./failures.ts";
import { registryOrigin } from "./scheme.ts";
import { Session, type SessionRequest } from "./session.ts";
import { Transport } from "./transport.ts";
import type { RegistryOptions, Scheme } from "./types.ts";
import { type BlobSource, uploadBlob } from "./upload.ts";

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
  /** Asks for the API's version, to try a login. */
  ping(host: string, options?: CallOptions): Promise<void>;
}

export interface UploadOptions {
  /** Repository of the same registry that is said to have the blob. */
  readonly mountFrom?: string | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

const DEFAULT_ATTEMPTS = 5;
const MAX_TAGS_BYTES = 4 * 1024 * 1024;
const MAX_TAG_PAGES = 1000;
const Tags = z.object({ tags: z.array(z.string().max(256)).nullish() });

export function openRegistry(options: RegistryOptions = {}): Registry {
  const transport = new Transport(options);
  const auth = new Authenticator(transport, options.credentials ?? defaultCredentials());
  const session = new Session(transport, auth, options.attempts ?? DEFAULT_ATTEMPTS);
  return new Client(session, transport, options.scheme ?? "auto");
}

class Client implements Registry {
  #session: Session;
  #transport: Transport;
  #scheme: Scheme;

  constructor(session: Session, transport: Transport, scheme: Scheme) {
    this.#session = session;
    this.#transport = transport;
    this.#scheme = scheme;
  }

  async resolve(reference: Reference, options: CallOptions = {}) {
    const answer = await this.#session.request({
      ...this.#about(reference, "manifest", `manifests/${nameOf(reference)}`, options),
      method: "HEAD",
      headers: { accept: MANIFEST_TYPES.join(", ") },
    }, (status) => status >= 400 && status < 500 && status !== 429 && status !== 408);
    await answer.drain();
    // An answer to HEAD has no body to say what is wrong, so GET gets to tell.
    if (!answer.ok) return undefined;
    const digest = answer.headers.get("docker-content-digest") ?? "";
    const size = Number(answer.headers.get("content-length"));
    const mediaType = contentType(answer.headers);
    if (!isDigest(digest) || !mediaType || !Number.isSafeInteger(size) || size <= 0) {
      return undefined;
    }
    if (reference.digest !== undefined && reference.digest !== digest) return undefined;
    return { mediaType, digest, size };
  }

  async manifest(
    reference: Reference,
    options: CallOptions & { readonly expected?: Pick<Descriptor, "digest" | "size"> } = {},
  ): Promise<FetchedManifest> {
    const digest = options.expected?.digest ?? reference.digest;
    const name = digest ?? nameOf(reference);
    const request = this.#about(reference, "manifest", `manifests/${name}`, options);
    const answer = await this.#session.request({
      ...request,
      method: "GET",
      headers: { accept: MANIFEST_TYPES.join(", ") },
    });
    const bytes = await answer.bytes(MAX_MANIFEST_BYTES);
    const actual = digestOf(bytes);
    const claimed = digest ?? answer.headers.get("docker-content-digest") ?? actual;
    const { action, host } = request.subject;
    if (claimed !== actual) {
      throw new CtrError(
        "bad-data",
        `${action}: the registry ${host} sent a manifest with another digest than ${
          claimed.slice(0, 19)
        }`,
      );
    }
    if (options.expected && options.expected.size !== bytes.length) {
      throw new CtrError(
        "bad-data",
        `${action}: the registry ${host} sent a manifest of ${bytes.length} bytes ` +
          `where its index says ${options.expected.size}`,
      );
    }
    const mediaType = contentType(answer.headers) ?? "";
    return { bytes, descriptor: { mediaType, digest: actual, size: bytes.length } };
  }

  async blob(
    reference: Reference,
    descriptor: Pick<Descriptor, "digest" | "size">,
    options: CallOptions & { readonly offset?: number } = {},
  ): Promise<AsyncGenerator<Uint8Array>> {
    const request = this.#about(reference, "blob", `blobs/${descriptor.digest}`, options);
    return await openBlob(
      this.#session,
      { ...request, descriptor, offset: options.offset ?? 0 },
      this.#transport.deadlines,
    );
  }

  async *tags(reference: Reference, options: CallOptions = {}): AsyncGenerator<string> {
    const request = this.#about(reference, "tags", "tags/list?n=1000", options, "list the tags of");
    let url: string | undefined = request.url;
    for (let page = 0; url !== undefined && page < MAX_TAG_PAGES; page++) {
      const answer = await this.#session.request({ ...request, url, method: "GET" });
      const bytes = await answer.bytes(MAX_TAGS_BYTES);
      yield* readTags(bytes, request.subject);
      url = nextPage(answer.headers.get("link"), url);
    }
  }

  async referrers(reference: Reference, digest: Digest, options: CallOptions = {}) {
    const { url, ...request } = this.#about(reference, "manifest", "", options);
    return await listReferrers(this.#session, url.replace(/\/$/, ""), request, digest);
  }

  async has(
    reference: Reference,
    { digest }: Pick<Descriptor, "digest">,
    options: CallOptions & { readonly kind?: "blob" | "manifest" } = {},
  ): Promise<boolean> {
    const kind = options.kind ?? "blob";
    const answer = await this.#session.request({
      ...this.#pushing(reference, `${kind}s/${digest}`, options),
      method: "HEAD",
      ...(kind === "manifest" && { headers: { accept: MANIFEST_TYPES.join(", ") } }),
    }, (status) => status === 404);
    await answer.drain();
    return answer.ok;
  }

  async upload(
    reference: Reference,
    descriptor: Pick<Descriptor, "digest" | "size">,
    source: BlobSource,
    options: CallOptions & UploadOptions = {},
  ): Promise<"mounted" | "uploaded"> {
    const { mountFrom, onBytes } = options;
    const request = this.#pushing(reference, "blobs/uploads/", options);
    const upload = { ...request, descriptor, source, mountFrom, onBytes };
    return await uploadBlob(this.#session, upload, this.#transport.deadlines);
  }

  async putManifest(
    reference: Reference,
    name: string,
    bytes: Uint8Array<ArrayBuffer>,
    mediaType: string,
    options: CallOptions = {},
  ): Promise<{ readonly linksSubject: boolean }> {
    const request = this.#pushing(reference, `manifests/${name}`, options);
    const answer = await this.#session.request({
      ...request,
      method: "PUT",
      headers: { "content-type": mediaType },
      body: bytes,
    });
    await answer.drain();
    const claimed = answer.headers.get("docker-content-digest");
    if (claimed !== null && claimed !== digestOf(bytes)) {
      const { action, host } = request.subject;
      throw new CtrError(
        "bad-data",
        `${action}: the registry ${host} keeps the manifest under another digest`,
      );
    }
    return { linksSubject: answer.headers.has("oci-subject") };
  }

  async ping(host: string, options: CallOptions = {}): Promise<void> {
    const answer = await this.#session.request({
      url: `${registryOrigin(host, options.scheme ?? this.#scheme)}/v2/`,
      method: "GET",
      host,
      scope: "",
      subject: { action: `cannot log in to "${host}"`, host, kind: "manifest" },
      signal: options.signal,
    });
    await answer.drain();
  }

  #pushing(reference: Reference, path: string, options: CallOptions) {
    const request = this.#about(reference, "upload", path, options, "push");
    return { ...request, scope: `repository:${reference.path}:pull,push` };
  }

  #about(
    reference: Reference,
    kind: Subject["kind"],
    path: string,
    { scheme, signal }: CallOptions,
    verb = "pull",
  ): Omit<SessionRequest, "method"> {
    const { domain: host, path: repository } = reference;
    const origin = registryOrigin(host, scheme ?? this.#scheme);
    return {
      url: `${origin}/v2/${repository}/${path}`,
      host,
      scope: `repository:${repository}:pull`,
      subject: { action: `cannot ${verb} "${familiarReference(reference)}"`, host, kind },
      signal,
    };
  }
}

function nameOf(reference: Reference): Digest | string {
  return reference.digest ?? reference.tag ?? "latest";
}

function contentType(headers: Headers): string | undefined {
  return headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() || undefined;
}

function readTags(bytes: Uint8Array, { action, host }: Subject): string[] {
  try {
    return Tags.parse(JSON.parse(new TextDecoder().decode(bytes))).tags ?? [];
  } catch (cause) {
    throw new CtrError("bad-data", `${action}: the registry ${host} sent something else`, {
      cause,
    });
  }
}
