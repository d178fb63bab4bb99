/** Images that a build begins with or copies from: pulled if they are not here, or should be new. */
import { basename } from "node:path";
import { registryEnvironment } from "../../api/mod.ts";
import type { BuildRequest } from "../../api/mod.ts";
import { CtrError, isCtrError } from "../../core/mod.ts";
import type { ImageLease, Images, PullProgress, ResolvedImage } from "../../image/mod.ts";
import { formatPlatform, MAX_CONFIG_BYTES, type Platform } from "../../oci/mod.ts";
import type { Reporter } from "../reporter.ts";
import type { Base } from "../stage/root.ts";
import { importLayout, type LayoutContext } from "./oci_layout.ts";

export interface BaseImage {
  readonly reference: string;
  /** Of its manifest. */
  readonly digest: string;
  readonly base: Base;
  /** The whole document, as it was written. */
  readonly document: Readonly<Record<string, unknown>>;
  readonly platform: Platform;
}

export interface BaseImagesOptions {
  readonly images: Images;
  readonly lease: ImageLease;
  readonly request: BuildRequest;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** Told when an image must be fetched: what comes after it cannot be cached. */
  readonly onPull: (platform: Platform) => void;
}

export class BaseImages {
  readonly #options: BaseImagesOptions;
  readonly #found = new Map<string, Promise<BaseImage>>();

  constructor(options: BaseImagesOptions) {
    this.#options = options;
  }

  /** @throws {CtrError} As `pull` does. */
  get(reference: string, platform: Platform): Promise<BaseImage> {
    const key = `${reference} ${formatPlatform(platform)}`;
    let found = this.#found.get(key);
    if (!found) {
      found = this.#get(reference, platform);
      found.catch(() => {}); // whoever needs it meets it
      this.#found.set(key, found);
    }
    return found;
  }

  /** An image of a folder that is an OCI layout. */
  layout(context: LayoutContext, platform: Platform): Promise<BaseImage> {
    const { path, tag = "", digest = "" } = context;
    const key = `${path}\0${tag}\0${digest}\0${formatPlatform(platform)}`;
    let found = this.#found.get(key);
    if (!found) {
      const { images, lease, signal } = this.#options;
      found = (async () => {
        const manifest = await importLayout(images, lease, context, platform);
        const image = await images.resolveManifest(manifest, "layout", { lease, signal });
        return await this.#describe(image);
      })();
      found.catch(() => {}); // whoever needs it meets it
      this.#found.set(key, found);
    }
    return found;
  }

  async #get(reference: string, platform: Platform): Promise<BaseImage> {
    const { images, lease, signal, request } = this.#options;
    if (!request.pull) {
      try {
        return await this.#describe(
          await images.resolveForRun(reference, platform, { lease, signal }),
        );
      } catch (error) {
        if (!isCtrError(error, "not-found")) throw error;
      }
    }
    await this.#pull(reference, platform);
    return await this.#describe(await images.resolveForRun(reference, platform, { lease, signal }));
  }

  async #pull(reference: string, platform: Platform): Promise<void> {
    const { images, signal, request, reporter, onPull } = this.#options;
    onPull(platform);
    const id = `pull ${reference} ${formatPlatform(platform)}`;
    const step = reporter.step({ id: id.slice(0, 256), title: `pull ${reference}` }, false);
    const onProgress = (progress: PullProgress) => {
      if (progress.kind === "warning") reporter.warn(progress.text);
      if (progress.kind !== "layer") return;
      step.progress(progress.digest, progress.phase, progress.current, progress.total);
    };
    try {
      await images.pull(reference, {
        platform,
        scheme: request.scheme,
        environment: request.environment && registryEnvironment(request.environment),
        signal,
        onProgress,
      });
      step.end();
    } catch (error) {
      step.end(error);
      throw error;
    }
  }

  async #describe(image: ResolvedImage): Promise<BaseImage> {
    const path = await this.#options.images.blobPath(image.configDigest);
    const { size } = await Deno.stat(path);
    if (size > MAX_CONFIG_BYTES) {
      throw new CtrError("too-large", `cannot build: the configuration has ${size} bytes`);
    }
    return {
      reference: image.reference,
      digest: image.manifestDigest,
      base: {
        layers: image.layers.map(({ digest, diffId, mediaType, size }) => ({
          digest,
          diffId,
          mediaType,
          size,
        })),
        disks: image.layerDisks.map((path) => ({
          path,
          diffId: `sha256:${basename(path, ".ext4")}`,
        })),
      },
      document: JSON.parse(await Deno.readTextFile(path)), // it was checked when it came
      platform: image.platform,
    };
  }
}
