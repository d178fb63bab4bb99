/** A stage's end as an image: its configuration, its manifest, in the store. */
import { type Descriptor, MAX_LAYERS, MEDIA_TYPE, type Platform } from "../../oci/mod.ts";
import { CtrError } from "../../core/mod.ts";
import { digestText } from "../key.ts";
import type { Job } from "../job.ts";
import type { StoredLayer } from "../cache/step_records.ts";
import { defined, withLabels } from "../stage/config.ts";
import type { Root } from "../stage/root.ts";
import type { StageEnd } from "../stage/stage_run.ts";

export interface BuiltImage {
  readonly platform: Platform;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly root: Root;
  readonly layers: readonly StoredLayer[];
}

/** What is written into every image that is made of a target. */
export interface ImageExtras {
  readonly manifestAnnotations: Readonly<Record<string, string>>;
  /** Of the manifest's descriptor in an index. */
  readonly descriptorAnnotations: Readonly<Record<string, string>>;
  /** Fields of the configuration: the inline cache. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly docker: boolean;
}

export const NO_EXTRAS: ImageExtras = {
  manifestAnnotations: {},
  descriptorAnnotations: {},
  config: {},
  docker: false,
};

/**
 * Writes configuration and manifest. A build that found all its steps in the cache makes the same bytes.
 *
 * @param layers In place of the root's, bottom first: compressed otherwise, or with other times.
 */
export async function writeImage(
  job: Job,
  end: StageEnd,
  layers: readonly StoredLayer[],
  extras: ImageExtras,
): Promise<BuiltImage> {
  if (layers.length > MAX_LAYERS) {
    throw new CtrError("too-large", `cannot build: the image has more than ${MAX_LAYERS} layers`);
  }
  const document = await documentOf(job, end, layers);
  const configType = extras.docker ? MEDIA_TYPE.dockerConfig : MEDIA_TYPE.config;
  const config = await put(job, configType, { ...document, ...extras.config });
  const manifestType = extras.docker ? MEDIA_TYPE.dockerManifest : MEDIA_TYPE.manifest;
  const manifest = await put(job, manifestType, {
    schemaVersion: 2,
    mediaType: manifestType,
    config,
    layers: layers.map(({ mediaType, digest, size }) => ({
      mediaType: extras.docker ? dockerType(mediaType) : mediaType,
      digest,
      size,
    })),
    ...(Object.keys(extras.manifestAnnotations).length > 0 &&
      { annotations: extras.manifestAnnotations }),
  });
  return { platform: end.platform, manifest, config, root: end.root, layers };
}

async function documentOf(
  job: Job,
  end: StageEnd,
  layers: readonly StoredLayer[],
): Promise<Readonly<Record<string, unknown>>> {
  const { platform, author } = end;
  const { created: _, config: __, history: ___, rootfs: ____, ...rest } = end.document;
  const config = defined(withLabels(end.config, job.request.labels));
  const history = await historyOf(job, end);
  const body = {
    ...rest,
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant !== undefined && { variant: platform.variant }),
    ...(author !== undefined && { author }),
    config,
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  };
  const created = new Date(createdMs(job, body)).toISOString();
  const dated = history.map((entry) => "created" in entry ? entry : { created, ...entry });
  return { created, ...body, history: dated };
}

/** When the same was made first: a build that finds everything in the cache makes the same image. */
function createdMs(job: Job, body: unknown): number {
  if (job.epoch !== undefined) return job.epoch * 1000;
  return job.cache.firstMade(digestText(`image ${JSON.stringify(body)}`));
}

/** Entries of a base are kept as they are, dated or not. */
async function historyOf(job: Job, end: StageEnd): Promise<Readonly<Record<string, unknown>>[]> {
  return await Promise.all(end.history.map(async ({ entry, own, made }) => {
    if (!own) return { ...entry, created: entry["created"] };
    const step = await made;
    const ms = step?.layer && (job.epoch === undefined ? step.createdMs : job.epoch * 1000);
    return {
      ...(ms !== undefined && { created: new Date(ms).toISOString() }),
      ...entry,
      ...(!step?.layer && { empty_layer: true }),
    };
  }));
}

export async function put(job: Job, mediaType: string, document: unknown): Promise<Descriptor> {
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  return await job.images.writeBlob(bytes, mediaType, { lease: job.lease });
}

function dockerType(mediaType: string): string {
  const types: Readonly<Record<string, string>> = {
    [MEDIA_TYPE.layer]: MEDIA_TYPE.dockerLayer,
    [MEDIA_TYPE.layerGzip]: MEDIA_TYPE.dockerLayerGzip,
    [MEDIA_TYPE.layerZstd]: MEDIA_TYPE.dockerLayerZstd,
  };
  return types[mediaType] ?? mediaType;
}

/** The index of several platforms, or of one where that is wanted. */
export async function writeIndex(
  job: Job,
  images: readonly BuiltImage[],
  extras: ImageExtras & { readonly indexAnnotations: Readonly<Record<string, string>> },
): Promise<Descriptor> {
  const mediaType = extras.docker ? MEDIA_TYPE.dockerIndex : MEDIA_TYPE.index;
  return await put(job, mediaType, {
    schemaVersion: 2,
    mediaType,
    manifests: images.map(({ manifest, platform }) => ({
      mediaType: manifest.mediaType,
      digest: manifest.digest,
      size: manifest.size,
      platform: { ...platform },
      ...(Object.keys(extras.descriptorAnnotations).length > 0 &&
        { annotations: extras.descriptorAnnotations }),
    })),
    ...(Object.keys(extras.indexAnnotations).length > 0 &&
      { annotations: extras.indexAnnotations }),
  });
}
