/** Images of a folder that is an OCI layout, for `--build-context NAME=oci-layout://…`. */
import { join } from "node:path";
import type { NamedContext } from "../../api/mod.ts";
import { CtrError } from "../../core/mod.ts";
import type { Images } from "../../image/mod.ts";
import {
  choosePlatform,
  type Descriptor,
  formatPlatform,
  hexOf,
  IndexSchema,
  isDigest,
  type Manifest,
  MAX_MANIFEST_BYTES,
  parseDocument,
  parseTarget,
  type Platform,
} from "../../oci/mod.ts";
import type { ImageLease } from "../../image/mod.ts";

export type LayoutContext = Extract<NamedContext, { kind: "oci-layout" }>;

/**
 * Brings an image into the store, which checks every digest.
 *
 * @returns The digest of the manifest.
 * @throws {CtrError} `not-found`, `bad-data`.
 */
export async function importLayout(
  images: Pick<Images, "writeBlob">,
  lease: ImageLease,
  context: LayoutContext,
  platform: Platform,
): Promise<`sha256:${string}`> {
  const layout = new Layout(context.path);
  const { descriptor, manifest } = await layout.manifest(await layout.root(context), platform, 0);
  for (const part of [manifest.config, ...manifest.layers, descriptor]) {
    const { mediaType, digest, size } = part;
    await images.writeBlob(layout.bytes(part), mediaType, { expected: { digest, size }, lease });
  }
  return descriptor.digest;
}

/** A folder that is an OCI layout. */
export class Layout {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async root({ tag, digest }: Pick<LayoutContext, "tag" | "digest">): Promise<Descriptor> {
    const bytes = await this.#document(join(this.#path, "index.json"));
    const index = parseDocument(bytes, IndexSchema, "the layout's index", MAX_MANIFEST_BYTES);
    if (digest !== undefined) {
      const found = index.manifests.find((each) => each.digest === digest);
      if (found) return found;
      if (isDigest(digest)) return { digest, size: 0, mediaType: "" };
    }
    const named = index.manifests.filter(({ annotations }) =>
      tag === undefined || annotations?.["org.opencontainers.image.ref.name"] === tag
    );
    const [only] = named;
    if (!only) throw this.#missing(`no image "${tag ?? digest ?? "latest"}"`);
    return only;
  }

  async manifest(
    descriptor: Descriptor,
    platform: Platform,
    depth: number,
  ): Promise<{ descriptor: Descriptor; manifest: Manifest }> {
    const bytes = await this.#document(this.#blob(descriptor));
    const target = parseTarget(bytes, descriptor.mediaType, "the layout's image");
    if (target.kind === "manifest") {
      const { digest } = descriptor;
      const whole = { digest, size: bytes.length, mediaType: target.mediaType };
      return { descriptor: whole, manifest: target.manifest };
    }
    const chosen = choosePlatform(target.index.manifests, platform);
    if (!chosen || depth > 3) throw this.#missing(`no image for ${formatPlatform(platform)}`);
    return await this.manifest(chosen, platform, depth + 1);
  }

  /** Every image below a root: configuration and layers. */
  async parts(
    root: Descriptor,
    depth = 0,
  ): Promise<{ config: Uint8Array; layers: readonly Descriptor[] }[]> {
    const target = parseTarget(
      await this.#document(this.#blob(root)),
      root.mediaType,
      "the layout's image",
    );
    if (target.kind === "manifest") {
      const { config, layers } = target.manifest;
      return [{ config: await this.#document(this.#blob(config)), layers }];
    }
    if (depth > 2) throw this.#missing("indexes in indexes");
    const all = target.index.manifests.slice(0, 32).map((each) => this.parts(each, depth + 1));
    return (await Promise.all(all)).flat();
  }

  async *bytes(descriptor: Pick<Descriptor, "digest">): AsyncGenerator<Uint8Array> {
    using file = await Deno.open(this.#blob(descriptor)).catch(() => {
      throw this.#missing(`no blob ${descriptor.digest}`);
    });
    yield* file.readable;
  }

  #blob({ digest }: Pick<Descriptor, "digest">): string {
    return join(this.#path, "blobs/sha256", hexOf(digest));
  }

  async #document(path: string): Promise<Uint8Array> {
    const info = await Deno.stat(path).catch(() => undefined);
    if (!info?.isFile) throw this.#missing("no such document");
    if (info.size > MAX_MANIFEST_BYTES) {
      throw new CtrError(
        "too-large",
        `cannot read the layout "${this.#path}": a document is too large`,
      );
    }
    return await Deno.readFile(path);
  }

  #missing(what: string): CtrError {
    return new CtrError("not-found", `cannot use the layout "${this.#path}": it has ${what}`);
  }
}
