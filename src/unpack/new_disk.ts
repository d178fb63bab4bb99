/** A disk that is being made: under a temporary name, locked, until it is verified and gets its own. */
import { dirname } from "node:path";
import { syncFolder, temporaryPath } from "../core/mod.ts";

/**
 * Runs `make` on an empty file and names it `target` if that succeeds.
 *
 * @param make Fills the file at the path it gets and flushes it. When it fails, the file is removed.
 */
export async function makeDisk<T>(target: string, make: (path: string) => Promise<T>): Promise<T> {
  const path = temporaryPath(target);
  const file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  try {
    await file.lock(true); // others may remove what bears this suffix and is not locked
    const result = await make(path);
    await Deno.rename(path, target);
    await syncFolder(dirname(target));
    return result;
  } catch (error) {
    await Deno.remove(path).catch(() => {});
    throw error;
  } finally {
    file.close();
  }
}
