import { join } from "node:path";
import type { Mount } from "../../api/mod.ts";
import type { ContainerConfig } from "../types.ts";

/** A container's mounts as `inspect` shows them, what is in memory last. */
export function describeMounts({ mounts, tmpfs }: ContainerConfig, home: string): Mount[] {
  return [
    ...mounts.map((mount): Mount => {
      const destination = mount.target;
      if (mount.type === "volume") {
        const { volume, readonly, subpath } = mount;
        return {
          type: "volume",
          name: volume,
          source: join(home, "volumes", volume),
          destination,
          readonly,
          options: subpath === undefined ? [] : [`subpath=${subpath}`],
        };
      }
      const { type, source } = mount;
      const readonly = mount.type === "bind" && mount.readonly;
      return { type, source, destination, readonly, options: [] };
    }),
    ...tmpfs.map(({ destination, options }): Mount => ({
      type: "tmpfs",
      source: "",
      destination,
      readonly: options.includes("ro"),
      options: [...options],
    })),
  ];
}
