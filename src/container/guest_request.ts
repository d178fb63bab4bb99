import { layerSerials, UPPER_SERIAL } from "../vm/mod.ts";
import type { GuestProcess, StartContainer } from "../vm/mod.ts";
import { compileSeccomp } from "./seccomp_profile.ts";
import type { ContainerConfig, ProcessConfig } from "./types.ts";

/** What `ssh` talks to in a machine; it begins with each connection and listens nowhere. */
const SSH_SERVER = {
  type: "bind",
  source: "/machine-ssh", // of the boot disk
  destination: "/run/ctr/ssh",
  options: ["ro", "nosuid", "nodev"],
} as const;

/**
 * What the guest is told to start a container, all but its networks.
 *
 * @param mounts In the order in which they are made.
 */
export function startRequest(
  config: ContainerConfig,
  layers: number,
  mounts: StartContainer["mounts"],
): Omit<StartContainer, "network" | "hosts"> {
  const { process } = config;
  return {
    containerId: config.id,
    rootfs: {
      ...(config.root === "disk"
        ? { layerSerials: [], upperSerial: "", machineSerial: UPPER_SERIAL }
        : { layerSerials: layerSerials(layers), upperSerial: UPPER_SERIAL }),
      readonly: config.readOnly,
    },
    process: guestProcess(config.id, process, config),
    limits: {
      memoryBytes: config.memoryBytes,
      cpuQuotaUs: 0, // the VM has as many processors as the container may use
      pids: config.pidsLimit,
    },
    mounts: config.root === "disk" ? [...mounts, SSH_SERVER] : mounts,
    hostname: config.hostname,
    ...(config.devices.length > 0 && { devices: config.devices }),
    privileged: config.privileged,
    maskedPaths: process.privileged ? [] : config.maskedPaths,
    readonlyPaths: process.privileged ? [] : config.readonlyPaths,
    sysctls: config.sysctls,
    shmBytes: config.shmBytes,
    init: config.init,
  };
}

type SecurityConfig = Pick<
  ContainerConfig,
  | "capabilities"
  | "noNewPrivileges"
  | "privileged"
  | "seccomp"
  | "oomScoreAdj"
  | "platform"
>;

/** The guest's default profile, none, or the program of a given one. */
function seccomp(
  { seccomp: given, capabilities, platform }: SecurityConfig,
  privileged: boolean,
): Pick<GuestProcess["security"], "seccompUnconfined" | "seccompProfile"> {
  if (given === undefined || privileged) return {};
  if (given === "unconfined") return { seccompUnconfined: true };
  return { seccompProfile: compileSeccomp(given, platform.architecture, capabilities) };
}

export function guestProcess(
  id: string,
  process: ProcessConfig,
  container: SecurityConfig,
): GuestProcess {
  const { args, env, cwd, user, additionalGids, additionalGroups, privileged } = process;
  const { terminal, rows, columns } = process;
  return {
    id,
    args,
    env,
    cwd,
    user,
    additionalGids,
    additionalGroups,
    terminal,
    rows,
    columns,
    input: process.interactive,
    security: {
      capabilities: container.capabilities,
      // A privileged container keeps it if it was asked for; `exec --privileged` asks for the contrary.
      noNewPrivileges: container.noNewPrivileges && (!privileged || container.privileged),
      privileged,
      ...seccomp(container, privileged),
    },
    oomScoreAdj: container.oomScoreAdj,
    rlimits: process.rlimits.map(({ type, soft, hard }) => ({
      type: `RLIMIT_${type.toUpperCase()}`,
      soft,
      hard,
    })),
  };
}
