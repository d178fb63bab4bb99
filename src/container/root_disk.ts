import { syncFolder } from "../core/mod.ts";
import { dirname } from "node:path";
import { keptMark } from "./files/kept_upper.ts";
import type { Images } from "../image/mod.ts";
import type { ContainerConfig } from "./types.ts";

/** The read-only disks below a container's writable one, bottom first; none where that is all there is. */
export async function layerDisks(
  images: Pick<Images, "resolveManifest">,
  { root, image }: ContainerConfig,
): Promise<readonly string[]> {
  if (root === "disk") return [];
  return (await images.resolveManifest(image.manifest as never, image.reference)).layerDisks;
}

/**
 * Writes the disk that is to be a container's whole root file system.
 *
 * @param path Where; nothing is there. It is whole and flushed when this resolves.
 * @param layers The disks of the image that it was created from, bottom first.
 */
export type MakeDisk = (path: string, layers: readonly string[]) => Promise<void>;

/** Makes it, for good: a container's disk is otherwise made anew when it starts for the first time. */
export async function makeRootDisk(
  path: string,
  layers: readonly string[],
  make: MakeDisk,
): Promise<void> {
  await make(path, layers);
  await Deno.writeFile(keptMark(path), new Uint8Array(0), { mode: 0o600 });
  await syncFolder(dirname(path));
}
