import { join } from "node:path";
import { CtrError, withDeadline } from "../../core/mod.ts";
import { openExt4 } from "../../ext4/mod.ts";
import { cloneFile } from "../../host/mod.ts";
import type { Guest } from "../../vm/mod.ts";
import type { FileOwner } from "./owner.ts";

/** The guest lets go of its disk by itself after 60 s; what is read later is not whole. */
const FROZEN_MS = 55_000;

/**
 * A copy of a running container's disk, whole, as it was at one moment. It costs what the container has
 * written, or nothing where the host's file system shares blocks.
 *
 * @param pause Stop its processes meanwhile; otherwise those that write wait.
 */
export async function snapshot(
  owner: FileOwner,
  guest: Guest,
  options: { readonly pause: boolean; readonly doing: string },
): Promise<{ readonly path: string } & AsyncDisposable> {
  const { id } = owner.record.config;
  const path = join(owner.folders.root, `${crypto.randomUUID()}.snapshot.tmp`);
  const remove = () => Deno.remove(path).catch(() => {});
  // Who was paused before stays so afterwards.
  const processes = options.pause && !(await guest.containerState(id)).frozen;
  const scope = { processes, fileSystem: true };
  try {
    const what = `${options.doing}: copying the disk of "${owner.record.config.name}"`;
    await withDeadline(what, FROZEN_MS, async (signal) => {
      try {
        await guest.freeze(id, scope);
        await cloneFile(owner.folders.upper, path, signal);
      } finally {
        await guest.thaw(id, scope);
      }
    });
    return { path, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** True if a disk's journal holds what is not in its place: its VM was killed. */
export function needsRecovery(upper: string): boolean {
  using file = Deno.openSync(upper);
  return openExt4(file).superblock.needsRecovery;
}

/** A guest that was asked to write everything down has not. */
export function notWhole(doing: string): CtrError {
  return new CtrError("bad-data", `${doing}: its disk could not be made whole`);
}
