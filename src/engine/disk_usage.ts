import type { DiskUsage, ObjectUsage, SystemDf, VerboseDf } from "../api/mod.ts";
import type { Builder } from "../build/mod.ts";
import type { Containers } from "../container/mod.ts";
import { folderBytes } from "../core/mod.ts";
import type { Images } from "../image/mod.ts";
import type { Volumes } from "../volume/mod.ts";

export interface Stores {
  readonly containers: Containers;
  readonly images: Images;
  readonly volumes: Volumes;
  readonly builder: Pick<Builder, "usage" | "cache" | "prune">;
}

/** What takes how much of the host's disk. */
export async function diskUsage(stores: Stores): Promise<SystemDf> {
  const [images, containers, volumes, buildCache] = await Promise.all([
    stores.images.diskUsage(),
    containerUsage(stores),
    volumeUsage(stores),
    stores.builder.usage(),
  ]);
  return { images, containers: summed(containers), volumes: summed(volumes), buildCache };
}

/** The same, object by object. */
export async function verboseDiskUsage(stores: Stores): Promise<VerboseDf> {
  const [images, containers, volumes, buildCache] = await Promise.all([
    stores.images.usageOfEach(),
    containerUsage(stores),
    volumeUsage(stores),
    stores.builder.cache([]),
  ]);
  return {
    images: images.map(({ reference, createdAt, ...rest }) => ({
      name: reference,
      createdAt: createdAt.toISOString(),
      ...rest,
    })),
    containers,
    volumes,
    buildCache: buildCache.map(({ id, sizeInBytes, createdAt, inUse, shared }) => ({
      name: id,
      createdAt,
      active: inUse,
      sizeInBytes,
      logicalInBytes: sizeInBytes,
      sharedInBytes: shared ? sizeInBytes : 0,
    })),
  };
}

async function containerUsage({ containers }: Stores): Promise<ObjectUsage[]> {
  return await Promise.all(
    containers.list().map(async (container) => {
      const { name, createdAt } = container.record.config;
      const { allocated, logical } = await folderBytes(container.folders.root);
      const size = { sizeInBytes: allocated, logicalInBytes: logical };
      return { name, createdAt, active: container.active, ...size };
    }),
  );
}

async function volumeUsage({ volumes }: Stores): Promise<ObjectUsage[]> {
  return await Promise.all(
    volumes.list().map(async ({ name, createdAt }) => {
      const { allocated, logical } = await volumes.measure(name);
      const size = { sizeInBytes: allocated, logicalInBytes: logical };
      return { name, createdAt, active: volumes.usersOf(name).length > 0, ...size };
    }),
  );
}

/** What is not active would come back. */
function summed(objects: readonly ObjectUsage[]): DiskUsage {
  const sum = {
    total: objects.length,
    active: 0,
    sizeInBytes: 0,
    logicalInBytes: 0,
    reclaimable: 0,
  };
  for (const { active, sizeInBytes, logicalInBytes } of objects) {
    if (active) sum.active++;
    else sum.reclaimable += sizeInBytes;
    sum.sizeInBytes += sizeInBytes;
    sum.logicalInBytes += logicalInBytes;
  }
  return sum;
}
