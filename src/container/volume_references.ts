import type { VolumeReference } from "../volume/mod.ts";
import type { ContainerRecords } from "./records.ts";

/** Every container and the volumes that its mounts name. */
export function* volumeReferences(records: ContainerRecords): Generator<VolumeReference> {
  for (const { config } of records.all()) {
    const volumes = (config.mounts ?? [])
      .flatMap((mount) => mount.type === "volume" ? [mount.volume] : []);
    yield { id: config.id, name: config.name, volumes };
  }
}
