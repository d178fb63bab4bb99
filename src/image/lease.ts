import { join } from "node:path";
import { type Digest, isDigest } from "../oci/mod.ts";
import type { ImageLease } from "./images.ts";
import { lockObject, type ObjectLock, tryLockObject } from "./object_lock.ts";
import { removeIfThere, type StorePaths } from "./paths.ts";

/**
 * A list of digests that may not be collected while its process lives: blobs, diff IDs, chain IDs.
 *
 * Whoever needs an object adds it here first, then takes the object's lock, then looks whether it is
 * there. Whoever collects takes the object's lock first and then reads the leases. So an object is
 * seen as needed, or is gone before it is looked for.
 */
class Lease implements ImageLease {
  #path: string;
  #lock: ObjectLock;

  constructor(path: string, lock: ObjectLock) {
    this.#path = path;
    this.#lock = lock;
  }

  async add(...digests: readonly Digest[]): Promise<void> {
    if (digests.length === 0) return;
    await Deno.writeTextFile(this.#path, digests.map((digest) => `${digest}\n`).join(""), {
      append: true,
      mode: 0o600,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeIfThere(this.#path);
    await this.#lock[Symbol.asyncDispose]();
  }
}

export async function takeLease(paths: StorePaths): Promise<ImageLease> {
  const id = crypto.randomUUID();
  const lock = await lockObject(paths.lock(`lease-${id}`));
  return new Lease(join(paths.leases, id), lock);
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
