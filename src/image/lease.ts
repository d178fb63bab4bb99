import { join } from "node:path";
import { type Digest, isDigest } from "../oci/mod.ts";
import type { ImageLease } from "./images.ts";
import { lockObject, type ObjectLock, tryLockObject } from "./object_lock.ts";
import { removeIfThere, type StorePaths } from "./paths.ts";

/**
 * A list of digests that may not be collected while its process lives: blobs, diff IDs, chain IDs.
 *
 * Whoever needs an object adds it here first, and then looks whether it is there. Whoever collects
 * reads the leases and deletes in one step, with the folder of leases locked, and `add` returns only
 * when no such step is under way. So an object is seen as needed, or is gone before it is looked for.
 */
class Lease implements ImageLease {
  #paths: StorePaths;
  #path: string;
  #lock: ObjectLock;

  constructor(paths: StorePaths, id: string, lock: ObjectLock) {
    this.#paths = paths;
    this.#path = join(paths.leases, id);
    this.#lock = lock;
  }

  async add(...digests: readonly Digest[]): Promise<void> {
    if (digests.length === 0) return;
    await Deno.writeTextFile(this.#path, digests.map((digest) => `${digest}\n`).join(""), {
      append: true,
      mode: 0o600,
    });
    (await lockLeases(this.#paths, false)).close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeIfThere(this.#path);
    await this.#lock[Symbol.asyncDispose]();
  }
}

export async function takeLease(paths: StorePaths): Promise<ImageLease> {
  const id = crypto.randomUUID();
  const lock = await lockObject(paths.lock(`lease-${id}`));
  return new Lease(paths, id, lock);
}

/** Locks the folder itself, so that there is no lock file to clean up. Closing it lets go. */
export async function lockLeases(paths: StorePaths, exclusive: boolean): Promise<Deno.FsFile> {
  const folder = await Deno.open(paths.leases, { read: true });
  try {
    await folder.lock(exclusive);
    return folder;
  } catch (error) {
    folder.close();
    throw error;
  }
}

/** All digests that living processes need. Leases of dead ones are removed on the way. */
export async function leasedDigests(paths: StorePaths): Promise<Set<Digest>> {
  const leased = new Set<Digest>();
  for await (const { name } of Deno.readDir(paths.leases)) {
    const path = join(paths.leases, name);
    const lock = await tryLockObject(paths.lock(`lease-${name}`));
    if (lock) {
      await removeIfThere(path);
      await lock[Symbol.asyncDispose]();
      continue;
    }
    const text = await Deno.readTextFile(path).catch(() => ""); // ended in between
    for (const line of text.split("\n")) if (isDigest(line)) leased.add(line);
  }
  return leased;
}
