/** Finds what a step has given before, or makes it and remembers it. */
import type { ImageLease, Images } from "../../image/mod.ts";
import { MEDIA_TYPE } from "../../oci/mod.ts";
import { type LayerContent, makeLayer } from "../../unpack/mod.ts";
import type { StepRecord, StepRecords, StoredLayer } from "./step_records.ts";

export interface CachedStep {
  /** Undefined: it changes nothing. */
  readonly layer: StoredLayer | undefined;
  /** When it was made. */
  readonly createdMs: number;
  readonly key: string;
}

/** Records of elsewhere, for `--cache-from`. */
export interface ImportedSteps {
  /** Fetches what it finds. Undefined: not there. */
  find(key: string): Promise<Pick<StepRecord, "layer" | "createdMs"> | undefined>;
}

export interface StepCacheOptions {
  readonly records: StepRecords;
  readonly images: Images;
  readonly lease: ImageLease;
  readonly imported: ImportedSteps;
  readonly signal: AbortSignal;
}

export interface LayerShape {
  readonly compression?: "gzip" | "zstd" | "none";
  readonly level?: number | undefined;
}

const TYPES = {
  none: MEDIA_TYPE.layer,
  gzip: MEDIA_TYPE.layerGzip,
  zstd: MEDIA_TYPE.layerZstd,
} as const;

export class StepCache {
  readonly #options: StepCacheOptions;
  /** Keys that this build has used: noted at its end, in one commit. */
  readonly used = new Map<string, CachedStep>();

  constructor(options: StepCacheOptions) {
    this.#options = options;
  }

  /** What a step has given before, whole and kept for this build. */
  async find(key: string, description: string, parent: string): Promise<CachedStep | undefined> {
    const { records, imported } = this.#options;
    const record = records.find(key);
    if (record && await this.#isHere(record.layer)) return this.#use(record);
    const found = await imported.find(key);
    if (!found) return undefined;
    records.add({ key, description, parent, ...found });
    return this.#use({ key, ...found });
  }

  /** Remembers what a step has given; its layer is in the store and leased. */
  add(
    key: string,
    layer: StoredLayer | undefined,
    description: string,
    parent: string,
  ): CachedStep {
    const createdMs = Date.now();
    this.#options.records.add({ key, layer, description, parent, createdMs });
    return this.#use({ key, layer, createdMs });
  }

  /** When what `key` stands for was made first: now, if it never was. */
  firstMade(key: string): number {
    const { records } = this.#options;
    const known = records.find(key);
    if (known) return this.#use(known).createdMs;
    return this.add(key, undefined, "image", "").createdMs;
  }

  /** Makes a layer and puts it into the store. @returns Undefined if nothing is in it. */
  async make(
    content: LayerContent,
    doing: string,
    { compression = "gzip", level }: LayerShape = {},
  ): Promise<StoredLayer | undefined> {
    const { images, lease, signal } = this.#options;
    await using pending = await images.pendingLayer(lease);
    const { blob, disk } = pending;
    const made = await makeLayer({ content, blob, disk, compression, level, doing, signal });
    if (made.entries === 0) return undefined;
    const { digest, diffId, size } = made as typeof made & StoredLayer;
    const layer = { digest, diffId, size, mediaType: TYPES[compression] };
    await pending.keep(layer);
    return layer;
  }

  #use(step: CachedStep): CachedStep {
    const { key, layer, createdMs } = step;
    this.used.set(key, { key, layer, createdMs });
    return { key, layer, createdMs };
  }

  async #isHere(layer: StoredLayer | undefined): Promise<boolean> {
    const { images, lease } = this.#options;
    return layer === undefined || await images.hasLayer(layer, lease);
  }
}
