import type { MountSpec } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { Container, Containers, ImageFacts } from "../container/mod.ts";
import type { ContainerChange, MachineContainer, MachineContainers } from "../machine/mod.ts";

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

/** The containers of a home, as machines see them. */
export function machineContainers(containers: Containers): MachineContainers {
  return {
    create: (request, makeDisk) => containers.create(request, makeDisk),
    createOf: (request, { reference, digest, platform, env }, makeDisk) => {
      const image = {
        reference,
        descriptor: { mediaType: "", digest: digest as never, size: 0 },
        manifestDigest: digest as never, // of an image that may not be here; nothing looks it up
        platform,
        config: {
          ...platform,
          rootfs: { type: "layers", diff_ids: [] },
          config: { Env: [...env] },
        },
        privilegedFiles: undefined,
      };
      return containers.createOf(request, image as unknown as ImageFacts, makeDisk);
    },
    get: (id) => machineContainer(containers, containers.get(id)),
    withOwnDisk: () =>
      containers.list().filter(({ record }) => record.config.root === "disk")
        .map(({ record }) => record.config.id),
  };
}

function machineContainer(containers: Containers, container: Container): MachineContainer {
  return {
    get state() {
      return container.state;
    },
    diskPath: container.folders.upper,
    folder: container.folders.root,
    get facts() {
      const { image, platform, cpus, memoryBytes, process, mounts, networks } =
        container.record.config;
      const { reference, digest } = image;
      const { env, args } = process;
      return {
        image: { reference, digest },
        platform,
        cpus,
        memoryBytes,
        env,
        args,
        mounts: mounts.map(mountSpec),
        networks: networks.map(({ name }) => name),
      };
    },
    listeningPorts: () => container.listeningPorts(),
    withDisk: (doing, work) => container.files.withDisk(doing, work),
    describe: () => container.describe(),
    start: () => container.start(),
    stop: (signal, timeoutMs) => container.stop(signal, timeoutMs),
    remove: (force) => container.remove(force),
    update: (request) => container.update(request),
    rename: (name) => containers.rename(container.record.config.id, name),
    handAgent: (socket) => container.handAgent(socket),
    runOnce: (process, timeoutMs) => container.runOnce(process, timeoutMs),
    reconfigure: (change) =>
      container.reconfigure((config) => ({ ...config, ...changed(config, change) })),
    isFolder: async (path) => {
      const { mode, resolvedMode } = await container.files.stat(path).catch(() => ({
        mode: 0,
        resolvedMode: 0,
      }));
      return [mode, resolvedMode].some((each) => ((each ?? 0) & S_IFMT) === S_IFDIR);
    },
    whileStopped: (verb, work) =>
      container.exclusive(async () => {
        const { state, record: { config }, folders } = container;
        if (state !== "created" && state !== "exited") {
          const machine = config.hostname;
          throw new CtrError("invalid-state", `cannot ${verb} "${machine}": it is ${state}`, {
            hint: `stop it first: ctr machine stop ${machine}`,
          });
        }
        return await work(folders.upper);
      }),
  };
}

function changed(
  config: Container["record"]["config"],
  change: ContainerChange,
): Partial<Container["record"]["config"]> {
  const { bind, hostname } = change;
  const others = config.mounts.filter(({ target }) => target !== bind?.target);
  return {
    ...(bind && {
      mounts: [
        ...(bind.mount ? [{ type: "bind" as const, target: bind.target, ...bind.mount }] : []),
        ...others,
      ],
    }),
    ...("kernel" in change && { kernel: change.kernel }),
    ...(hostname !== undefined && {
      hostname,
      networks: config.networks.map((each) => ({ ...each, aliases: [hostname] })),
    }),
  };
}

/** What asks for a mount that is there. */
function mountSpec(mount: Container["record"]["config"]["mounts"][number]): MountSpec {
  if (mount.type === "bind") return { ...mount, create: false };
  if (mount.type === "socket") return mount;
  const { volume, target, readonly, copy, subpath } = mount;
  return {
    type: "volume",
    source: volume,
    target,
    readonly,
    copy,
    ...(subpath !== undefined && { subpath }),
    options: {},
    labels: {},
  };
}
