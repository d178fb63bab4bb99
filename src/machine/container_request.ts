import {
  type CreateMachineRequest,
  CreateRequest,
  type HomeMount,
  type HostUser,
} from "../api/mod.ts";

/** By which tools for containers tell a machine. */
const MACHINE_LABELS = { "com.apple.container.plugin": "machine" };

/** Logging in is no work for a process that listens to nothing else. */
export const STOP_MS = 10_000;
/** Nobody listens there: `--ssh` says where somebody does. */
const NO_AGENT = "/nonexistent/ssh-agent";

/** Of the container that a machine is: names resolve by it on every network. */
export function containerName(machine: string): string {
  return `${machine}.machine`;
}

/** How a home folder is mounted; undefined: not at all. */
export function shared(home: string, mode: HomeMount) {
  return mode === "none" ? undefined : { source: home, readonly: mode === "ro" };
}

export function homeMounts({ home }: HostUser, mode: HomeMount) {
  const mount = shared(home, mode);
  return mount ? [{ type: "bind" as const, ...mount, target: home, create: false }] : [];
}

/**
 * What the container of a machine is made from.
 *
 * @param systemd Its path; absent: nothing of the machine's runs by itself.
 */
export function containerRequest(
  request: Pick<CreateMachineRequest, "name" | "image" | "mounts"> & Partial<CreateMachineRequest>,
  systemd: string | undefined,
): CreateRequest {
  const { name, mounts, networks } = request;
  const folders = systemd === undefined ? ["/run"] : ["/run", "/run/lock", "/tmp"];
  return CreateRequest.parse({
    image: request.image,
    ...(request.platform !== undefined && { platform: request.platform }),
    name: containerName(name),
    hostname: name,
    entrypoint: [],
    process: {
      args: systemd === undefined ? [] : [systemd],
      env: ["container=ctr"],
      cwd: "/",
      user: "0:0",
      privileged: true,
    },
    init: systemd === undefined,
    stopSignal: systemd === undefined ? "SIGTERM" : "SIGRTMIN+3",
    stopTimeoutMs: STOP_MS,
    ...(request.cpus !== undefined && { cpus: request.cpus }),
    ...(request.memoryBytes !== undefined && { memoryBytes: request.memoryBytes }),
    pidsLimit: 0,
    labels: MACHINE_LABELS,
    networks: networks ?? [{ name: "default", aliases: [name] }],
    mounts,
    tmpfs: folders.map((destination) => ({
      destination,
      options: destination === "/tmp" ? ["mode=1777"] : ["mode=755"],
    })),
    sshAgent: request.sshAgent ?? { socket: NO_AGENT },
    ...(request.kernel !== undefined && { kernel: request.kernel }),
  });
}
