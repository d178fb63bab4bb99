import { join } from "node:path";
import { syncFolder, TEMPORARY_SUFFIX } from "../core/mod.ts";
import { hexOf } from "../oci/mod.ts";
import type { ImageLease } from "./images.ts";
import { lockObject, type ObjectLock } from "./object_lock.ts";
import { fileSize, removeIfThere, type StorePaths } from "./paths.ts";
import type { LayerBlob, PendingLayer } from "./types.ts";

/**
 * Two names on the store's file systems for a layer that is being made. Nobody sweeps them while this
 * process lives: they are locked as other temporary files are.
 */
export async function pendingLayer(paths: StorePaths, lease: ImageLease): Promise<PendingLayer> {
  const name = crypto.randomUUID();
  const locks = [
    await lockObject(paths.lock(`blob-${name}`)),
    await lockObject(paths.lock(`disk-${name}`)),
  ];
  return new Pending(paths, lease, name, locks);
}

class Pending implements PendingLayer {
  readonly blob: string;
  readonly disk: string;
  readonly #paths: StorePaths;
  readonly #lease: ImageLease;
  readonly #locks: readonly ObjectLock[];

  constructor(paths: StorePaths, lease: ImageLease, name: string, locks: readonly ObjectLock[]) {
    this.#paths = paths;
    this.#lease = lease;
    this.#locks = locks;
    this.blob = join(paths.ingest, `${name}${TEMPORARY_SUFFIX}`);
    this.disk = join(paths.layers, `${name}${TEMPORARY_SUFFIX}`);
  }

  async keep(layer: Omit<LayerBlob, "path">): Promise<LayerBlob> {
    const paths = this.#paths;
    await this.#lease.add(layer.digest, layer.diffId);
    await nameIt(paths, this.disk, paths.disk(layer.diffId), `disk-${hexOf(layer.diffId)}`);
    await nameIt(paths, this.blob, paths.blob(layer.digest), `blob-${hexOf(layer.digest)}`);
    return { ...layer, path: paths.blob(layer.digest) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeIfThere(this.blob);
    await removeIfThere(this.disk);
    for (const lock of this.#locks) await lock[Symbol.asyncDispose]();
  }
}

/** What is there already stays: it is the same, and somebody may have it open. */
async function nameIt(
  paths: StorePaths,
  temporary: string,
  target: string,
  lock: string,
): Promise<void> {
  await using _lock = await lockObject(paths.lock(lock));
  if (await fileSize(target) !== undefined) return;
  await Deno.rename(temporary, target);
  await syncFolder(join(target, ".."));
}
