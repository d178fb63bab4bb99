import type { Machine } from "../api/mod.ts";
import { bytesOf } from "../core/mod.ts";
import type { MachineContainer, MachineRecord } from "./types.ts";

/** A machine as `machine ls` and `inspect` show it. */
export async function describeMachine(
  { name, isDefault, containerId, config }: MachineRecord,
  container: MachineContainer,
): Promise<Machine> {
  const { configuration, status } = await container.describe();
  const disk = bytesOf(await Deno.stat(container.diskPath));
  const { user, homeMount, init, found, provision } = config;
  const address = status.networks?.[0]?.ipv4Address;
  return {
    id: name,
    default: isDefault,
    state: status.state,
    image: configuration.image,
    platform: configuration.platform,
    init,
    user: {
      name: user.name,
      uid: user.uid,
      gid: user.gid,
      home: user.home,
      ...(found && { shell: found.shell }),
    },
    homeMount,
    resources: {
      cpus: configuration.resources.cpus,
      memoryInBytes: configuration.resources.memoryInBytes,
    },
    disk: { sizeInBytes: disk.logical, allocatedInBytes: disk.allocated },
    creationDate: configuration.creationDate,
    ...(status.startedAt !== undefined && { startedAt: status.startedAt }),
    containerId,
    ...(address !== undefined && { ipAddress: address }),
    provisioned: found !== undefined && provision === undefined,
  };
}
