import { join } from "node:path";
import {
  API_VERSION,
  CTR_VERSION,
  ENGINE_SOCKET,
  type Environment,
  type Version,
} from "../api/mod.ts";
import { cachedLayers, openBuilder, openStepRunner } from "../build/mod.ts";
import { type Config, readConfig } from "../config/mod.ts";
import {
  ContainerRecords,
  Containers,
  DEFAULT_LOG_LIMITS,
  networkReferences,
  volumeReferences,
} from "../container/mod.ts";
import { CtrError, lockFile, type Log, parseDurationMs } from "../core/mod.ts";
import { configFile, excludeFromBackups, hostCpus } from "../host/mod.ts";
import { chooseHypervisor, type Hypervisor } from "../hypervisor/mod.ts";
import { openImages } from "../image/mod.ts";
import { Machines } from "../machine/mod.ts";
import { parsePlatform } from "../oci/mod.ts";
import { NetworkRecords, Networks } from "../network/mod.ts";
import { type ConnectGuest, connectGuestOf } from "../vm/mod.ts";
import { openVolumes } from "../volume/mod.ts";
import { ClockWatch } from "./clock.ts";
import { buildRoutes } from "./build_routes.ts";
import { containerRoutes } from "./container_routes.ts";
import { openEngineLog } from "./engine_log.ts";
import { EventLog } from "./event_log.ts";
import { eventRoutes } from "./event_routes.ts";
import { fileRoutes } from "./file_routes.ts";
import { HostDomains } from "./host_domains.ts";
import { Idle } from "./idle.ts";
import { imageRoutes } from "./image_routes.ts";
import { machineContainers } from "./machine_containers.ts";
import { machinePorts } from "./machine_ports.ts";
import { machineRoutes } from "./machine_routes.ts";
import { listen } from "./server.ts";
import { openEventState, openState } from "./state.ts";
import { networkRoutes } from "./network_routes.ts";
import { statsRoutes } from "./stats_routes.ts";
import { systemRoutes } from "./system_routes.ts";
import { upkeepRoutes } from "./upkeep_routes.ts";
import { volumeRoutes } from "./volume_routes.ts";

const IDLE_MS = 30_000;
const GIB = 1024 ** 3;
/** An engine that is ending lets go of its home within this. */
const LOCK_MS = 5000;
/** What killed processes left in the image store is removed when the first requests are served. */
const SWEEP_MS = 5000;
/** Of each mount, which cost the host's kernel about a kilobyte each. */
const WATCH_FOLDERS = 16_384;
/** Of 127.0.0.1, where the host finds containers by name. */
const DNS_PORT = 2053;

export interface EngineOptions {
  /** Absolute. */
  readonly home: string;
  /** It does not end because nothing is left to do. */
  readonly stay?: boolean;
  readonly config?: Config;
  /** How registries are reached for callers that send no variables of their own. */
  readonly environment?: Environment;
  /** For tests: other parts than this host's. */
  readonly hypervisor?: Hypervisor;
  readonly connect?: ConnectGuest;
}

export interface Engine {
  readonly socket: string;
  /** Resolves when nothing is left to be done. */
  readonly ended: Promise<void>;
  /** Ends the engine and lets the containers run. */
  stop(): void;
}

/**
 * Runs the engine of a home: takes its lock, listens, then finds what an earlier engine left.
 *
 * @throws {CtrError} `timeout` if another engine holds the home; `usage` for a wrong configuration.
 */
export async function runEngine(options: EngineOptions): Promise<Engine> {
  const { home } = options;
  await Deno.mkdir(join(home, "run"), { recursive: true, mode: 0o700 });
  excludeFromBackups(home);
  const lock = await lockFile(join(home, "run/engine.lock"), `the engine of "${home}"`, LOCK_MS);
  const { log } = openEngineLog(home);
  try {
    return await open(options, log, () => lock[Symbol.dispose]());
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

async function open(options: EngineOptions, log: Log, unlock: () => void): Promise<Engine> {
  const { home } = options;
  const config = options.config ?? await readConfig(configFile());
  const accelerator = Deno.env.get("CTR_ACCELERATOR") ?? config.engine.accelerator ?? "auto";
  const hypervisor = options.hypervisor ?? chooseHypervisor({
    stateFolder: join(home, "run"),
    accelerator: accelerator as "auto",
    shares: config.mounts.transport ?? "auto",
  });
  const db = openState(home);
  const eventDb = openEventState(home);
  const events = new EventLog({ db: eventDb, log });
  const records = new ContainerRecords(db);
  const images = await openImages({
    home,
    db,
    log,
    usedManifests: () => withLayers(records).map(({ image }) => image.manifest),
    users: () => withLayers(records).map(({ name, image: { manifest } }) => ({ name, manifest })),
    cached: cachedLayers(db),
    ...(options.environment && { environment: options.environment }),
    ...imageOptions(config),
  });
  const volumes = await openVolumes({
    home,
    db,
    log,
    events,
    references: () => volumeReferences(records),
  });
  const networks = new Networks({
    home,
    records: new NetworkRecords(db),
    log,
    ...networkOptions(config),
    onDenied: (network, { guest, to, network: protocol }) =>
      log.warn("egress was denied", { network, guest, to, protocol }),
  });
  const domains = new HostDomains({
    home,
    networks,
    log,
    port: config.network.dns_port ?? DNS_PORT,
  });
  const connect = options.connect ?? connectGuestOf(CTR_VERSION);
  const defaults = async () => ({
    cpus: config.container.cpus ?? await usefulCpus(hypervisor),
    memoryBytes: config.container.memory ?? GIB,
  });
  const builderDefaults = async () => ({
    cpus: config.build.cpus ?? await usefulCpus(hypervisor),
    memoryBytes: config.build.memory ?? 2 * GIB, // compilers want more than what they make
  });
  const builder = openBuilder({
    home,
    db,
    images,
    log,
    runner: () =>
      openStepRunner({
        home,
        hypervisor,
        connect,
        networks,
        log,
        defaults: builderDefaults,
        emulation: config.build.emulation,
        onChange: () => idle.touch(),
      }),
  });
  const containers: Containers = new Containers({
    home,
    records,
    images,
    volumes,
    networks,
    hypervisor,
    connect,
    log,
    logLimits: {
      segmentBytes: config.log.segment_size ?? DEFAULT_LOG_LIMITS.segmentBytes,
      segments: config.log.segments ?? DEFAULT_LOG_LIMITS.segments,
    },
    defaults,
    diskBytes: config.container.disk,
    watchFolders: config.mounts.watch === false ? 0 : config.mounts.watch_folders ?? WATCH_FOLDERS,
    onChange: () => idle.touch(),
    events,
  });
  const machines = new Machines({
    db,
    log,
    containers: machineContainers(containers),
    folder: join(home, "machines"),
    ...(config.machine.auto_ports !== false && { ports: machinePorts(networks) }),
    layers: async (image, platform) =>
      (await images.resolveForRun(image, platform ? parsePlatform(platform) : undefined))
        .layerDisks,
  });
  const ended = Promise.withResolvers<void>();
  const version: Version = {
    version: CTR_VERSION,
    api: API_VERSION,
    pid: Deno.pid,
    startedAt: new Date().toISOString(),
    home,
  };
  const idle: Idle = new Idle(
    idleMs(config),
    () => options.stay || containers.active().length > 0,
    stop,
  );
  await domains.open();
  // Before the first request: what it finds is waited for.
  const adopting = containers.adopt(networks.findProcesses())
    .then(() => networks.forgetStrangers())
    .then(() => machines.sweep())
    .catch((error) => log.error("adopt what an earlier engine left", { error }));
  builder.adopting(adopting);
  volumes.adopting(adopting);
  const server = await listen({
    home,
    containers,
    idle,
    log,
    routes: [
      ...systemRoutes({ version, containers, images, accelerator, shutdown: stop }),
      ...upkeepRoutes({
        context: { home, hypervisor, records },
        adopted: adopting,
        containers,
        networks,
        images,
        volumes,
        builder,
      }),
      ...containerRoutes(containers),
      ...networkRoutes({
        networks,
        containers,
        domains,
        references: (name) => networkReferences(records, name),
      }),
      ...statsRoutes(containers),
      ...volumeRoutes(volumes),
      ...machineRoutes(machines),
      ...eventRoutes(events),
      ...buildRoutes(builder, events),
      ...fileRoutes(containers, images),
      ...imageRoutes(images, events),
    ],
  });
  machines.watchPorts();
  log.info("engine began", { pid: Deno.pid, version: CTR_VERSION });
  const clock = new ClockWatch(() => {
    for (const container of containers.active()) container.setTime();
  });
  const sweep = setTimeout(() => {
    images.sweep().catch((error) => log.error("sweep the image store", { error }));
  }, SWEEP_MS);
  let stopping = false;

  function stop(): void {
    if (stopping) return;
    stopping = true;
    idle.stop();
    clock.close();
    clearTimeout(sweep);
    close().then(ended.resolve, ended.reject);
  }

  async function close(): Promise<void> {
    // The socket goes first, under the lock: who does not find it starts the next engine.
    await Deno.remove(join(home, ENGINE_SOCKET)).catch(() => {});
    server.close();
    server.closeAllConnections();
    machines.close();
    await adopting.catch(() => {});
    await builder.stop();
    await containers.release();
    await domains.close();
    await networks.stopUnused();
    networks.releaseAll();
    await images[Symbol.asyncDispose]();
    eventDb.close();
    db.close();
    log.info("engine ended", { pid: Deno.pid });
    unlock();
  }

  return { socket: join(home, ENGINE_SOCKET), ended: ended.promise, stop };
}

/** A machine has all of its image on a disk of its own. */
function withLayers(records: ContainerRecords) {
  return [...records.all()].map(({ config }) => config).filter(({ root }) => root !== "disk");
}

function networkOptions({ network }: Config) {
  return {
    resolvConf: network.resolv_conf,
    publishAddress: network.publish_address,
    ranges: { ipv4: network.subnet, ipv6: network.subnet_v6 },
  };
}

function imageOptions({ limits, registry }: Config) {
  return {
    ...(registry.domain && { defaultDomain: registry.domain }),
    limits: {
      ...(limits.layer_size && { layerBytes: limits.layer_size }),
      ...(limits.layer_entries && { layerEntries: limits.layer_entries }),
      ...(limits.layer_devices && { layerDevices: limits.layer_devices }),
      ...(limits.archive_size && { archiveBytes: limits.archive_size }),
    },
  };
}

/** `CTR_IDLE_TIMEOUT` goes before the setting. */
function idleMs(config: Config): number {
  const text = Deno.env.get("CTR_IDLE_TIMEOUT");
  if (text === undefined) return config.engine.idle_timeout ?? IDLE_MS;
  const ms = parseDurationMs(text);
  if (ms <= 2 ** 31 - 1) return ms;
  throw new CtrError("usage", `cannot use CTR_IDLE_TIMEOUT "${text}": want at most 24d`);
}

/** More CPUs than run at the same time only make a guest's start longer. */
async function usefulCpus(hypervisor: Hypervisor): Promise<number> {
  return (await hypervisor.features()).parallelCpus ? Math.min(4, hostCpus()) : 1;
}
