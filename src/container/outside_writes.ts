import type { ContainerConfig } from "./types.ts";

/**
 * Whether a container may have written what is to be there when it is gone: to volumes and folders of the
 * host. Its guest holds some of that back for a while, as any kernel does.
 */
export function writesOutside({ mounts }: ContainerConfig): boolean {
  return (mounts ?? []).some((mount) =>
    mount.type === "bind" && !mount.readonly ||
    mount.type === "volume" && !mount.readonly && !mount.anonymous
  );
}
