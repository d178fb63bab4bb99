import type { Container as ContainerObject, Health, RestartState } from "../api/mod.ts";
import type { Endpoint, PublishedAt } from "../network/mod.ts";
import { describeMounts } from "./mounts/describe_mounts.ts";
import type { ContainerRecord } from "./types.ts";

export type State = ContainerObject["status"]["state"];

/** What is not in the record. */
export interface Living {
  readonly vm: { readonly pid: number; readonly accelerator: string } | undefined;
  /** Newer than the record's. */
  readonly health: Health | undefined;
  /** The writable disk, if its size is wanted: looking it up is what costs time in a long list. */
  readonly upper: string | undefined;
  /** Where volumes are. */
  readonly home: string;
  readonly endpoints: readonly Endpoint[];
  readonly published: readonly PublishedAt[];
}

/** A container as `ls` and `inspect` show it. */
export async function describe(
  record: ContainerRecord,
  state: State,
  { vm, health = record.health, upper, home, endpoints, published }: Living,
): Promise<ContainerObject> {
  const { config, started } = record;
  const { process } = config;
  const running = state === "running" || state === "paused" || state === "stopping";
  const exit = (state === "exited" || state === "restarting") && record.exit;
  const upperBytes = upper === undefined ? undefined : await allocatedBytes(upper);
  const restart = restartState(record);
  return {
    id: config.id,
    name: config.name,
    configuration: {
      image: { reference: config.image.reference, digest: config.image.digest },
      platform: platformOf(config),
      initProcess: {
        executable: process.args[0] ?? "",
        arguments: process.args.slice(1),
        environment: [...process.env],
        workingDirectory: process.cwd,
        terminal: process.terminal,
        interactive: process.interactive,
        user: process.user,
      },
      resources: {
        cpus: config.cpus,
        memoryInBytes: config.memoryBytes,
        pidsLimit: config.pidsLimit,
      },
      hostname: config.hostname,
      labels: { ...config.labels },
      readOnly: config.readOnly,
      autoRemove: config.autoRemove,
      stopSignal: config.stopSignal,
      creationDate: config.createdAt,
      mounts: describeMounts(config, home),
      publishedSockets: [...config.publishedSockets],
      networks: config.networks.map(({ name }) => name),
      publishedPorts: [...config.ports],
      exposedPorts: [...config.exposedPorts],
      ...(config.egress && { egress: config.egress }),
      restartPolicy: config.restart,
      ...(config.health && { healthCheck: config.health }),
    },
    status: {
      state,
      ...(started && state !== "created" && { startedAt: new Date(started.atMs).toISOString() }),
      ...(vm && { pid: vm.pid, accelerator: vm.accelerator }),
      networks: running
        ? config.networks.flatMap(({ name }) =>
          endpoints.filter(({ network }) => network === name)
            .map((endpoint) => describeEndpoint(endpoint, config.hostname))
        )
        : [],
      publishedPorts: running ? published.map(describePort) : [],
      ...(exit && { exit: exitObject(exit) }),
      ...(health && state !== "starting" && { health }), // of the run before
      ...(restart && { restart }),
      ...(upperBytes !== undefined && { upperBytes }),
    },
  };
}

function describeEndpoint(endpoint: Endpoint, hostname: string) {
  const { network, addresses, gateway4, gateway6, mac, mtu } = endpoint;
  const ipv4Address = addresses.find((address) => !address.includes(":"));
  const ipv6Address = addresses.find((address) => address.includes(":"));
  return {
    network,
    hostname,
    ...(ipv4Address && { ipv4Address }),
    ...(gateway4 && { ipv4Gateway: gateway4 }),
    ...(ipv6Address && { ipv6Address }),
    ...(gateway6 && { ipv6Gateway: gateway6 }),
    macAddress: mac,
    mtu,
  };
}

function describePort({ protocol, hostAddress, hostPort, containerPort }: PublishedAt) {
  return { protocol, hostAddress, hostPort, containerPort };
}

function restartState({ config, restart }: ContainerRecord): RestartState | undefined {
  const { count = 0, delayMs = 0, nextAtMs, error } = restart ?? {};
  if (config.restart.name === "no" && count === 0) return undefined;
  return {
    count,
    delayMs,
    ...(nextAtMs !== undefined && { nextAt: new Date(nextAtMs).toISOString() }),
    ...(error !== undefined && { error }),
  };
}

function platformOf({ platform }: ContainerRecord["config"]) {
  const { os, architecture, variant } = platform;
  return { os, architecture, ...(variant !== undefined && { variant }) };
}

function exitObject({ run: _run, ...exit }: NonNullable<ContainerRecord["exit"]>) {
  return exit;
}

/** What a sparse file costs. */
export async function allocatedBytes(path: string): Promise<number | undefined> {
  try {
    const { blocks, size } = await Deno.stat(path);
    return blocks === null ? size : blocks * 512;
  } catch {
    return undefined;
  }
}

/** What a folder's files cost, folders below it included. */
export async function folderBytes(folder: string): Promise<number> {
  let total = 0;
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      total += isDirectory ? await folderBytes(path) : await allocatedBytes(path) ?? 0;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return total;
}
