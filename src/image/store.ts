import { type Log, SILENT } from "../core/mod.ts";
import { linuxPlatform, type Platform, type Reference } from "../oci/mod.ts";
import { familiarReference, parseReference } from "../oci/mod.ts";
import type { Environment } from "../api/mod.ts";
import { callerOptions, openRegistry, type Registry } from "../registry/mod.ts";
import { BlobSources } from "./blob_sources.ts";
import { ContentStore } from "./content.ts";
import type { NamedImage } from "./index_file.ts";
import { Later } from "./later.ts";
import { LayerDisks } from "./layer_disks.ts";
import { StorePaths } from "./paths.ts";
import { Records } from "./records.ts";
import type { CachedLayers, ImageLimits, ImageRecord, ImagesOptions } from "./types.ts";

const LIMITS: ImageLimits = {
  layerBytes: 64 * 2 ** 30,
  layerEntries: 4_194_304,
  layerDevices: 65_536,
  archiveBytes: 256 * 2 ** 30,
  layerDisks: 8,
};

/** The parts of one image store, which every operation gets. */
export interface Store {
  readonly paths: StorePaths;
  readonly content: ContentStore;
  readonly disks: LayerDisks;
  readonly records: Records;
  readonly sources: BlobSources;
  readonly registry: Registry;
  /** The same store, which reaches registries as the caller with these variables would. */
  forCaller(environment: Environment | undefined): Promise<Store>;
  readonly later: Later;
  readonly limits: ImageLimits;
  readonly log: Log;
  readonly hostPlatform: Platform;
  readonly usedManifests: () => Iterable<string>;
  readonly users: () => Iterable<{ readonly name: string; readonly manifest: string }>;
  readonly cached: CachedLayers;
  readonly parse: (text: string) => Reference;
  readonly familiar: (reference: Reference) => string;
}

/** @param unpack Makes the disks of a reference, for those that are not waited for. */
export function makeStore(
  options: ImagesOptions,
  unpack: (store: Store, reference: string, signal: AbortSignal) => Promise<void>,
): Store {
  const paths = new StorePaths(options.home);
  const limits = { ...LIMITS, ...options.limits };
  const unpacker = options.unpacker ?? (() => import("../unpack/mod.ts"));
  const domain = options.defaultDomain === undefined
    ? {}
    : { defaultDomain: options.defaultDomain };
  let registry: Registry | undefined;
  const log = options.log ?? SILENT;
  const store: Store = {
    paths,
    limits,
    content: new ContentStore(paths),
    disks: new LayerDisks(paths, limits, unpacker),
    records: new Records(options.db, paths),
    sources: new BlobSources(options.db),
    // Opened late: reading credentials is not for commands that only list.
    get registry() {
      return registry ??= openRegistry(options.registry);
    },
    async forCaller(environment = options.environment) {
      if (environment === undefined) return store;
      const caller = await callerOptions(environment, options.home);
      return { ...store, registry: openRegistry({ ...caller, ...options.registry }) };
    },
    later: new Later((reference, signal) => unpack(store, reference, signal), log),
    log,
    hostPlatform: linuxPlatform(Deno.build.arch),
    usedManifests: options.usedManifests ?? (() => []),
    users: options.users ?? (() => []),
    cached: options.cached ?? { layers: () => [], version: () => "" },
    parse: (text) => parseReference(text, domain),
    familiar: (reference) => familiarReference(reference, domain),
  };
  return store;
}

export function recordOf(store: Store, image: NamedImage): ImageRecord {
  return {
    reference: image.reference,
    familiar: store.familiar(parseReference(image.reference)),
    descriptor: image.descriptor,
    createdAt: new Date(image.createdMs),
  };
}
