import { isDiskFull } from "../core/mod.ts";
import { type Context, foldersOf, removeFolder } from "./context.ts";
import type { ContainerConfig } from "./types.ts";

/**
 * Removes a container's record, then its files: a folder without a record is swept by the next
 * engine. Volumes that were made for it alone go last, if they are to go.
 */
export async function eraseContainer(
  context: Context,
  config: ContainerConfig,
  options: { readonly volumes: boolean },
): Promise<void> {
  const { home, records, volumes } = context;
  const { id } = config;
  const folders = foldersOf(home, id);
  try {
    records.delete(id);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    // What is to go makes the room that the record of it wants.
    await Deno.remove(folders.upper);
    records.delete(id);
  }
  await removeFolder(folders.root);
  volumes.detach(id);
  if (options.volumes) await discardAnonymous(context, config);
}

/** Removes the volumes that were made for a container alone, unless another one refers to them. */
export async function discardAnonymous(
  { volumes, log }: Context,
  { id, mounts }: ContainerConfig,
): Promise<void> {
  volumes.detach(id);
  for (const mount of mounts) {
    if (mount.type !== "volume" || !mount.anonymous) continue;
    await volumes.discard(mount.volume).catch((error) => {
      log.error("remove an anonymous volume", { volume: mount.volume, error });
    });
  }
}
