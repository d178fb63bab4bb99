/** `--cache-from`: what steps have given elsewhere. Layers are fetched when a step wants them. */
import { type BuildRequest, type CacheSource, registryEnvironment } from "../../api/mod.ts";
import type { ImageLease, Images } from "../../image/mod.ts";
import type { Descriptor } from "../../oci/mod.ts";
import type { Reporter } from "../reporter.ts";
import { Layout } from "../source/oci_layout.ts";
import { readCacheField } from "./portable.ts";
import type { ImportedSteps } from "./step_cache.ts";
import type { StoredLayer } from "./step_records.ts";

export interface ImportsOptions {
  readonly request: BuildRequest;
  readonly images: Images;
  readonly lease: ImageLease;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** What a manifest knows, and how its layers are fetched. */
interface Known {
  readonly steps: ReadonlyMap<string, { readonly layer?: StoredLayer; readonly createdMs: number }>;
  fetch(layer: StoredLayer): Promise<void>;
}

interface Part {
  readonly config: Uint8Array;
  readonly layers: readonly Descriptor[];
}

export class Imports implements ImportedSteps {
  readonly #options: ImportsOptions;
  #opened: Promise<readonly Known[]> | undefined;

  constructor(options: ImportsOptions) {
    this.#options = options;
  }

  async find(key: string) {
    if (this.#options.request.cacheFrom.length === 0) return undefined;
    for (const known of await (this.#opened ??= this.#open())) {
      const step = known.steps.get(key);
      if (!step) continue;
      if (step.layer && !await this.#fetched(known, step.layer)) continue;
      return { layer: step.layer, createdMs: step.createdMs };
    }
    return undefined;
  }

  /** A cache that cannot be had is none: the step is run. */
  async #fetched(known: Known, layer: StoredLayer): Promise<boolean> {
    const { reporter, signal } = this.#options;
    try {
      await known.fetch(layer);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      reporter.warn(`a layer of the cache cannot be used: ${sentence(error)}`);
      return false;
    }
  }

  async #open(): Promise<readonly Known[]> {
    const { request } = this.#options;
    const all = await Promise.all(request.cacheFrom.map((source, at) => this.#openOne(source, at)));
    return all.flat();
  }

  async #openOne(source: CacheSource, at: number): Promise<readonly Known[]> {
    const { reporter, signal } = this.#options;
    const name = source.type === "registry" ? source.reference : source.path;
    const step = reporter.step({ id: `import.${at}`, title: `import cache from ${name}` }, false);
    try {
      const known = source.type === "registry"
        ? await this.#fromRegistry(source.reference)
        : await this.#fromLayout(source);
      step.end();
      return known;
    } catch (error) {
      signal.throwIfAborted();
      step.end(error);
      reporter.warn(`the cache "${name}" cannot be used: ${sentence(error)}`);
      return [];
    }
  }

  async #fromRegistry(reference: string): Promise<Known[]> {
    const { images, request, lease, signal } = this.#options;
    const remote = await images.remote(reference, {
      scheme: request.scheme,
      environment: request.environment && registryEnvironment(request.environment),
      signal,
    });
    const manifests = await remote.manifests();
    return manifests.map((part) => knownOf(part, (layer) => remote.fetchLayer(layer, lease)));
  }

  async #fromLayout(source: Extract<CacheSource, { type: "local" }>): Promise<Known[]> {
    const { images, lease } = this.#options;
    const layout = new Layout(source.path);
    const root = await layout.root(source);
    const parts = await layout.parts(root);
    return parts.map((part) =>
      knownOf(part, async (layer) => {
        const { digest, size, mediaType } = layer;
        const expected = { digest, size };
        await images.writeBlob(layout.bytes(layer), mediaType, { expected, lease });
        await lease.add(layer.diffId);
        await images.layerDisk({ descriptor: layer, diffId: layer.diffId });
      })
    );
  }
}

function knownOf({ config, layers }: Part, fetch: Known["fetch"]): Known {
  const { records, diffIds } = readCacheField(config);
  const byDiffId = new Map(diffIds.flatMap((diffId, at) => {
    const layer = layers[at];
    if (!layer) return [];
    const { digest, size, mediaType } = layer;
    return [[diffId, { digest, size, mediaType, diffId }] as const];
  }));
  const steps = new Map<string, { readonly layer?: StoredLayer; readonly createdMs: number }>();
  for (const { key, diffId, createdMs } of records) {
    const layer = diffId && byDiffId.get(diffId);
    if (diffId === undefined) steps.set(key, { createdMs });
    else if (layer) steps.set(key, { layer, createdMs });
  }
  return { steps, fetch };
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
