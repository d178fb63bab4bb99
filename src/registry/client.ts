import { z } from "zod";
import { CtrError, isCtrError } from "../core/mod.ts";
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
import { credentialSources } from "./credentials.ts";
import type { Subject } from "./failures.ts";
import { type Endpoint, endpointsOf, joinBlob, originOf } from "./mirrors.ts";
import type { CallOptions, FetchedManifest, Registry, UploadOptions } from "./registry.ts";
import { Session, type SessionRequest } from "./session.ts";
import { Transport } from "./transport.ts";
import type { RegistryOptions, Scheme } from "./types.ts";
import { type BlobSource, uploadBlob } from "./upload.ts";

const DEFAULT_ATTEMPTS = 5;
/** There is another server to ask. */
const MIRROR_ATTEMPTS = 2;
const MAX_TAGS_BYTES = 4 * 1024 * 1024;
const MAX_TAG_PAGES = 1000;
const Tags = z.object({ tags: z.array(z.string().max(256)).nullish() });

export function openRegistry(options: RegistryOptions = {}): Registry {
  const transport = new Transport(options);
  const sources = options.credentials ?? credentialSources(transport.connections.environment);
  const auth = new Authenticator(transport, sources);
  const session = new Session(transport, auth, options.attempts ?? DEFAULT_ATTEMPTS);
  return new Client(session, transport, auth, options.scheme ?? "auto");
}

class Client implements Registry {
  #session: Session;
  #transport: Transport;
  #auth: Authenticator;
  #scheme: Scheme;
  /** Hosts of mirrors that failed or lied: not asked again by this client. */
  #avoided = new Set<string>();

  constructor(session: Session, transport: Transport, auth: Authenticator, scheme: Scheme) {
    this.#session = session;
    this.#transport = transport;
    this.#auth = auth;
    this.#scheme = scheme;
  }

  async resolve(reference: Reference, options: CallOptions = {}) {
    return await this.#mirrored(
      reference,
      options,
      (endpoint) => this.#resolve(reference, options, endpoint),
    );
  }

  async #resolve(reference: Reference, options: CallOptions, endpoint: Endpoint) {
    const answer = await this.#session.request({
      ...this.#about(reference, "manifest", `manifests/${nameOf(reference)}`, options, endpoint),
      method: "HEAD",
      headers: { accept: MANIFEST_TYPES.join(", ") },
    }, (status) => status >= 400 && status < 500 && status !== 429 && status !== 408);
    await answer.drain();
    // An answer to HEAD has no body to say what is wrong, so GET gets to tell.
    if (!answer.ok) {
      if (!endpoint.mirror) return undefined;
      throw new CtrError("not-found", `the mirror ${endpoint.host} does not have it`);
    }
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
    return await this.#mirrored(
      reference,
      options,
      (endpoint) => this.#manifest(reference, options, endpoint),
    );
  }

  async #manifest(
    reference: Reference,
    options: CallOptions & { readonly expected?: Pick<Descriptor, "digest" | "size"> },
    endpoint: Endpoint,
  ): Promise<FetchedManifest> {
    const digest = options.expected?.digest ?? reference.digest;
    const name = digest ?? nameOf(reference);
    const request = this.#about(reference, "manifest", `manifests/${name}`, options, endpoint);
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
    const open = async (endpoint: Endpoint, offset: number) => {
      const path = `blobs/${descriptor.digest}`;
      const request = this.#about(reference, "blob", path, options, endpoint);
      const { deadlines } = this.#transport;
      return await openBlob(this.#session, { ...request, descriptor, offset }, deadlines);
    };
    const offset = options.offset ?? 0;
    const endpoints = this.#endpoints(reference, options);
    if (endpoints.length === 1) return await open(endpoints[0]!, offset);
    return joinBlob(endpoints, { ...descriptor, offset }, open, (endpoint, error) => {
      this.#avoid(endpoint, error, options.signal);
    });
  }

  warning(reference: Reference): string | undefined {
    const { connections } = this.#transport;
    const unchecked = this.#endpoints(reference, {}).map(({ host }) => host)
      .filter((host) => connections.settings(host).skipVerify);
    if (unchecked.length === 0) return undefined;
    return `whoever answers is believed to be ${unchecked.join(", ")} ` +
      `(skip_verify in "${connections.config.path}")`;
  }

  mayMirror(reference: Reference): boolean {
    return this.#endpoints(reference, {}).length > 1;
  }

  distrustMirrors({ domain }: Reference): void {
    const { mirrors } = this.#transport.connections.settings(domain);
    for (const { host } of mirrors) this.#avoided.add(host);
  }

  #endpoints({ domain }: Reference, { scheme }: CallOptions): Endpoint[] {
    return endpointsOf(this.#transport.connections, domain, scheme ?? this.#scheme)
      .filter(({ mirror, host }) => !mirror || !this.#avoided.has(host));
  }

  /** Tries mirrors, then the registry itself, whose failure is the one that counts. */
  async #mirrored<T>(
    reference: Reference,
    options: CallOptions,
    work: (endpoint: Endpoint) => Promise<T>,
  ): Promise<T> {
    for (const endpoint of this.#endpoints(reference, options)) {
      try {
        return await work(endpoint);
      } catch (error) {
        this.#avoid(endpoint, error, options.signal);
      }
    }
    throw new Error("a registry is its own last endpoint");
  }

  /** A mirror that lacks something may have the rest; one that fails is left alone. */
  #avoid(endpoint: Endpoint, error: unknown, signal: AbortSignal | undefined): void {
    if (!endpoint.mirror || signal?.aborted || !isCtrError(error)) throw error;
    if (!isCtrError(error, "not-found")) this.#avoided.add(endpoint.host);
  }

  async *tags(reference: Reference, options: CallOptions = {}): AsyncGenerator<string> {
    const request = this.#about(
      reference,
      "tags",
      "tags/list?n=1000",
      options,
      this.#origin(reference, options),
      "list the tags of",
    );
    let url: string | undefined = request.url;
    for (let page = 0; url !== undefined && page < MAX_TAG_PAGES; page++) {
      const answer = await this.#session.request({ ...request, url, method: "GET" });
      const bytes = await answer.bytes(MAX_TAGS_BYTES);
      yield* readTags(bytes, request.subject);
      url = nextPage(answer.headers.get("link"), url);
    }
  }

  async referrers(reference: Reference, digest: Digest, options: CallOptions = {}) {
    const origin = this.#origin(reference, options);
    const { url, ...request } = this.#about(reference, "manifest", "", options, origin);
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

  async ping(host: string, options: CallOptions = {}): Promise<{ readonly asked: boolean }> {
    const scheme = options.scheme ?? this.#scheme;
    const answer = await this.#session.request({
      url: `${originOf(this.#transport.connections, host, scheme).base}/v2/`,
      method: "GET",
      host,
      scope: "",
      subject: { action: `cannot log in to "${host}"`, host, kind: "login" },
      clearText: scheme === "http",
      signal: options.signal,
    });
    await answer.drain();
    return { asked: this.#auth.login(host, "") !== undefined };
  }

  #pushing(reference: Reference, path: string, options: CallOptions) {
    const origin = this.#origin(reference, options);
    const request = this.#about(reference, "upload", path, options, origin, "push");
    return { ...request, scope: `repository:${reference.path}:pull,push` };
  }

  #origin({ domain }: Reference, { scheme }: CallOptions): Endpoint {
    return originOf(this.#transport.connections, domain, scheme ?? this.#scheme);
  }

  #about(
    reference: Reference,
    kind: Subject["kind"],
    path: string,
    { scheme, signal }: CallOptions,
    endpoint: Endpoint,
    verb = "pull",
  ): Omit<SessionRequest, "method"> {
    const { domain, path: repository } = reference;
    const { host, base, mirror } = endpoint;
    const action = `cannot ${verb} "${familiarReference(reference)}"`;
    const { connections } = this.#transport;
    if (connections.settings(domain).blocked) {
      throw new CtrError("denied", `${action}: the registry ${domain} is blocked`, {
        hint: `see "${connections.config.path}"`,
      });
    }
    return {
      url: `${base}/v2/${repository}/${path}`,
      host,
      scope: `repository:${repository}:pull`,
      subject: { action, host, kind },
      clearText: !mirror && (scheme ?? this.#scheme) === "http",
      signal,
      ...(mirror && { attempts: MIRROR_ATTEMPTS }),
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
