import type { DatabaseSync } from "node:sqlite";
import {
  CreateMachineRequest,
  type EnterMachineReply,
  type EnterMachineRequest,
  type HostUser,
  type Machine,
  machineName,
  type MachinePort,
  type MachineSnapshot,
  type RemovedMachine,
  type SetMachineReply,
  type SetMachineRequest,
} from "../api/mod.ts";
import { bytesOf, CtrError, type Log } from "../core/mod.ts";
import { cloneFile } from "../host/mod.ts";
import { archiveMachine, unarchiveMachine } from "./archive.ts";
import type { ArchivedConfig } from "./archived_config.ts";
import { AutoPorts } from "./auto_ports.ts";
import { describeMachine } from "./describe.ts";
import { makeDisk } from "./disk.ts";
import { enter } from "./enter.ts";
import { findSystemd } from "./find_init.ts";
import { provision } from "./provision.ts";
import { MachineRecords } from "./records.ts";
import {
  containerName,
  containerRequest,
  homeMounts,
  shared,
  STOP_MS,
} from "./container_request.ts";
import { copyDurably, Snapshots } from "./snapshots.ts";
import type {
  MachineConfig,
  MachineContainer,
  MachineContainers,
  MachineRecord,
  PublishPorts,
} from "./types.ts";

export interface MachinesOptions {
  readonly db: DatabaseSync;
  readonly log: Log;
  readonly containers: MachineContainers;
  /** The disks of an image's layers, bottom first. @throws {CtrError} `not-found`. */
  readonly layers: (image: string, platform: string | undefined) => Promise<readonly string[]>;
  /** Of its own, for what comes from outside. */
  readonly folder: string;
  /** Absent: what listens in a machine is not shown on the host. */
  readonly ports?: PublishPorts | undefined;
}

/** What a machine believes its disk to have; the host pays for what is written. */
const DISK_BYTES = 128 * 1024 ** 3;
/** How soon a port that a program opens is there on the host. */
const LOOK_MS = 1000;

/** All machines of a home. */
export class Machines {
  readonly #records: MachineRecords;
  readonly #options: MachinesOptions;
  readonly #ports: AutoPorts | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  /** Machines that are being made, or made ready, by name: until that is over, well or not. */
  readonly #busy = new Map<string, Promise<void>>();

  /** Containers of earlier engines: those that are made from now on have no row for a moment. */
  readonly #earlier: readonly string[];

  constructor(options: MachinesOptions) {
    this.#options = options;
    this.#earlier = options.containers.withOwnDisk();
    this.#records = new MachineRecords(options.db);
    this.#ports = options.ports && new AutoPorts(options.ports, options.log);
  }

  /**
   * Removes what an engine left that was killed while it made a machine, or removed one.
   *
   * A container comes before its row and goes after it, so one without a row is not wanted.
   */
  async sweep(): Promise<void> {
    const known = new Set(this.#records.all().map(({ containerId }) => containerId));
    for (const id of this.#earlier) {
      if (known.has(id)) continue;
      await this.#container(id).remove(true).catch((error) => {
        this.#options.log.error("remove what is left of a machine", { id, error });
      });
    }
  }

  /** @throws {CtrError} `exists`; `not-found` if the image is not in the store; `unsupported`. */
  async create(input: CreateMachineRequest): Promise<Machine> {
    const request = CreateMachineRequest.parse(input);
    const { name } = request;
    this.#mustBeFree(name, "create");
    await this.#exclusively(name, async () => {
      const init = await this.#init(request);
      const systemd = init.kind === "systemd" ? init.path : undefined;
      const { id } = await this.#options.containers.create(
        containerRequest({
          ...request,
          mounts: [...homeMounts(request.user, request.homeMount), ...request.mounts],
        }, systemd),
        (path, layers) => makeDisk(path, layers, request.diskBytes ?? DISK_BYTES),
      );
      this.#records.insert(name, id, {
        user: request.user,
        homeMount: request.homeMount,
        init: init.kind,
        ...(request.provision !== undefined && { provision: request.provision }),
      });
      if (request.setDefault) this.#records.setDefault(name);
    });
    return await this.describe(name);
  }

  async #init({ init, image, platform, name }: CreateMachineRequest) {
    if (init === "vminitd") return { kind: "vminitd" } as const;
    const path = await findSystemd(await this.#options.layers(image, platform));
    if (path !== undefined) return { kind: "systemd", path } as const;
    if (init === "auto") return { kind: "vminitd" } as const;
    throw new CtrError("not-found", `cannot create "${name}": "${image}" has no systemd`, {
      hint: "leave --init away, or choose an image that has it",
    });
  }

  /** By name. */
  async list(): Promise<Machine[]> {
    return await Promise.all(this.#records.all().map((record) => this.#describe(record)));
  }

  /** @param name Absent: the default one. @throws {CtrError} `not-found`. */
  async describe(name?: string): Promise<Machine> {
    return await this.#describe(this.#get(name, "inspect"));
  }

  /** Starts it, unless it runs, and makes it ready for its user the first time. */
  async start(name?: string): Promise<Machine> {
    const record = this.#get(name, "start");
    await this.#ready(record.name, "start");
    return await this.#describe(this.#get(record.name, "start"));
  }

  async stop(name: string | undefined, timeoutMs = STOP_MS): Promise<string> {
    const record = this.#get(name, "stop");
    await this.#container(record.containerId).stop(undefined, timeoutMs);
    return record.name;
  }

  async restart(name: string | undefined, timeoutMs = STOP_MS): Promise<string> {
    const record = this.#get(name, "restart");
    await this.stop(record.name, timeoutMs);
    await this.#ready(record.name, "restart");
    return record.name;
  }

  /** Removes it with all that is on its disk. One that runs is stopped first. */
  async remove(name: string): Promise<RemovedMachine> {
    const record = this.#get(name, "remove");
    return await this.#exclusively(record.name, async () => {
      const container = this.#container(record.containerId);
      const { configuration } = await container.describe();
      await container.stop(undefined, STOP_MS);
      const { allocated } = bytesOf(await Deno.stat(container.diskPath));
      this.#records.delete(record.name);
      await container.remove(true);
      return {
        name: record.name,
        freedInBytes: allocated,
        wasDefault: record.isDefault,
        image: configuration.image.reference,
      };
    });
  }

  /** @throws {CtrError} `exists`; `invalid-state` if it runs: its name is its host name. */
  async rename(name: string, target: string): Promise<void> {
    const record = this.#get(name, "rename");
    this.#mustBeFree(target, "rename");
    await this.#exclusively(target, async () => {
      const container = this.#container(record.containerId);
      await container.whileStopped("rename", () => Promise.resolve());
      await container.rename(containerName(target));
      await container.reconfigure({ hostname: target });
      this.#records.rename(record.name, target);
    });
  }

  setDefault(name: string): void {
    this.#records.setDefault(this.#get(name, "choose").name);
  }

  /** Changes what it is given. What a running one has stays until its next start. */
  async set(name: string | undefined, request: SetMachineRequest): Promise<SetMachineReply> {
    const record = this.#get(name, "set");
    const container = this.#container(record.containerId);
    const { cpus, memoryBytes, homeMount, kernel } = request;
    const warnings: string[] = [];
    if (cpus !== undefined || memoryBytes !== undefined) {
      const limits = {
        ...(cpus !== undefined && { cpus }),
        ...(memoryBytes !== undefined && { memoryBytes }),
      };
      warnings.push(...(await container.update(limits)).warnings);
    }
    if (homeMount !== undefined || kernel !== undefined) {
      const { home } = record.config.user;
      await container.reconfigure({
        ...(homeMount !== undefined && { bind: { target: home, mount: shared(home, homeMount) } }),
        ...(kernel !== undefined && { kernel: kernel === "" ? undefined : kernel }),
      });
      if (homeMount !== undefined) {
        this.#records.configure(record.name, { ...record.config, homeMount });
      }
      if (container.state === "running") warnings.push("it holds from the next start on");
    }
    return { name: record.name, warnings };
  }

  /** What is needed to run something in it as its user. It is started where it does not run. */
  async enter(name: string | undefined, request: EnterMachineRequest): Promise<EnterMachineReply> {
    const { name: known } = this.#get(name, "enter");
    await this.#ready(known, "enter");
    const record = this.#get(known, "enter");
    return await enter(record, this.#container(record.containerId), request);
  }

  /** A second machine with what is on the disk of the first one, which may run meanwhile. */
  async clone(name: string, target: string): Promise<Machine> {
    const record = this.#get(name, "clone");
    this.#mustBeFree(target, "clone to");
    const container = this.#container(record.containerId);
    await container.withDisk(`cannot clone "${name}"`, async (disk) => {
      const { facts } = container;
      await this.#add(
        target,
        facts,
        record.config,
        facts.networks,
        (path) => copyDurably(disk, path),
      );
    });
    return await this.describe(target);
  }

  /** As one file, for `import()`. It may run meanwhile. */
  async *export(name: string): AsyncGenerator<Uint8Array, void> {
    const record = this.#get(name, "export");
    const container = this.#container(record.containerId);
    const doing = `cannot export "${name}"`;
    const { user, homeMount, init, found } = record.config;
    const { image, platform, cpus, memoryBytes, env, args } = container.facts;
    const config: ArchivedConfig = {
      ctrMachine: 1,
      name: record.name,
      image,
      platform,
      cpus,
      memoryBytes,
      env: [...env],
      args: [...args],
      user,
      homeMount,
      init,
      ...(found && { found }),
    };
    // Another name of the disk, or of a copy of it: one that starts meanwhile is not waited for.
    const folder = await Deno.makeTempDir({
      dir: container.folder,
      prefix: "export-",
      suffix: ".tmp",
    });
    try {
      const disk = `${folder}/copy.ext4`;
      await container.withDisk(doing, (path) => cloneFile(path, disk));
      yield* archiveMachine(folder, config, disk);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  /**
   * Makes a machine of an exported one.
   *
   * @param name Absent: the name that it had.
   * @param user Who it is for now: its account is made at its next start.
   */
  async import(
    name: string | undefined,
    user: HostUser,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<Machine> {
    const { folder } = this.#options;
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const temporary = await Deno.makeTempDir({ dir: folder, prefix: "import-", suffix: ".tmp" });
    try {
      const disk = `${temporary}/disk.ext4`;
      const archived = await unarchiveMachine(bytes, disk);
      const target = machineNameOf(name ?? archived.name);
      this.#mustBeFree(target, "import");
      const { homeMount, init } = archived;
      const facts = { ...archived, mounts: homeMounts(user, homeMount) };
      const config = { user, homeMount, init };
      await this.#add(target, facts, config, ["default"], (path) => Deno.rename(disk, path));
      return await this.describe(target);
    } finally {
      await Deno.remove(temporary, { recursive: true });
    }
  }

  /** Makes a machine that has a disk already. */
  #add(
    name: string,
    facts: Omit<MachineContainer["facts"], "networks">,
    config: MachineConfig,
    networks: readonly string[],
    makeDisk: (path: string) => Promise<void>,
  ): Promise<void> {
    const { image, platform, env, args, cpus, memoryBytes, mounts } = facts;
    return this.#exclusively(name, async () => {
      const request = containerRequest({
        name,
        image: image.reference,
        cpus,
        memoryBytes,
        mounts: [...mounts],
        networks: networks.map((network) => ({ name: network, aliases: [name] })),
      }, config.init === "systemd" ? args[0] : undefined);
      const { id } = await this.#options.containers.createOf(
        request,
        { ...image, platform, env },
        makeDisk,
      );
      this.#records.insert(name, id, config);
    });
  }

  async snapshots(name: string): Promise<MachineSnapshot[]> {
    return await this.#snapshots(this.#get(name, "look at the snapshots of")).list();
  }

  /** Keeps its disk as it is now. It may run meanwhile. */
  async snapshot(name: string, snapshot: string): Promise<void> {
    const record = this.#get(name, "snapshot");
    const container = this.#container(record.containerId);
    await container.withDisk(`cannot snapshot "${name}"`, async (disk) => {
      await this.#snapshots(record).make(name, snapshot, disk);
    });
  }

  /** Puts its disk back to what it was. @throws {CtrError} `invalid-state` if it runs. */
  async restore(name: string, snapshot: string): Promise<void> {
    const record = this.#get(name, "restore");
    const container = this.#container(record.containerId);
    await container.whileStopped("restore", async (disk) => {
      await this.#snapshots(record).restore(name, snapshot, disk);
    });
  }

  async removeSnapshot(name: string, snapshot: string): Promise<void> {
    await this.#snapshots(this.#get(name, "change")).remove(name, snapshot);
  }

  #snapshots({ containerId }: MachineRecord): Snapshots {
    return new Snapshots(this.#container(containerId).folder);
  }

  /** Ports that the host shows by itself, and those that it has no room for. */
  async ports(name: string | undefined): Promise<readonly MachinePort[]> {
    const { containerId } = this.#get(name, "look at the ports of");
    await this.#ports?.update(containerId, this.#container(containerId));
    return (this.#ports?.list(containerId) ?? []).map((port) => ({ ...port }));
  }

  /** Begins to show what machines listen at; ends with `close()`. */
  watchPorts(): void {
    if (!this.#ports) return;
    const look = async () => {
      for (const { containerId } of this.#records.all()) {
        const container = this.#container(containerId);
        if (container.state === "running") await this.#ports?.update(containerId, container);
        else this.#ports?.forget(containerId);
      }
    };
    let looking = false;
    this.#watch = setInterval(() => {
      if (looking) return;
      looking = true;
      look().catch((error) => this.#options.log.error("look at ports of machines", { error }))
        .finally(() => looking = false);
    }, LOOK_MS);
  }

  close(): void {
    clearInterval(this.#watch);
  }

  /** Starts it, and makes its account where that has not succeeded yet. Once, however many ask. */
  async #ready(name: string, verb: string): Promise<void> {
    await this.#busy.get(name);
    const record = this.#get(name, verb);
    const container = this.#container(record.containerId);
    if (container.state === "running" && record.config.found && !record.config.provision) return;
    await this.#exclusively(name, async () => {
      await container.start();
      const { found, provision: script } = record.config;
      if (found && script === undefined) return;
      const config = await provision(record, container);
      this.#records.configure(name, config);
    });
  }

  #describe(record: MachineRecord): Promise<Machine> {
    return describeMachine(record, this.#container(record.containerId));
  }

  #container(id: string): MachineContainer {
    return this.#options.containers.get(id);
  }

  #get(name: string | undefined, verb: string): MachineRecord {
    const found = name === undefined ? this.#records.default() : this.#records.get(name);
    if (found) return found;
    if (name === undefined) {
      throw new CtrError("not-found", `cannot ${verb} the default machine: there is none`, {
        hint: 'name one, or choose it with "ctr machine set-default"',
      });
    }
    throw new CtrError("not-found", `cannot ${verb} "${name}": there is no such machine`, {
      hint: 'see "ctr machine ls"',
    });
  }

  #mustBeFree(name: string, verb: string): void {
    if (!this.#records.get(name) && !this.#busy.has(name)) return;
    throw new CtrError("exists", `cannot ${verb} "${name}": there is a machine of that name`, {
      hint: `remove it with: ctr machine rm ${name}`,
    });
  }

  /** Who comes meanwhile waits, and then looks again. */
  async #exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
    for (let other; (other = this.#busy.get(name));) await other;
    const result = work();
    this.#busy.set(name, result.then(() => {}, () => {}));
    try {
      return await result;
    } finally {
      this.#busy.delete(name);
    }
  }
}

function machineNameOf(text: string): string {
  const parsed = machineName.safeParse(text.toLowerCase());
  if (parsed.success) return parsed.data;
  throw new CtrError(
    "usage",
    `cannot call a machine "${text}": ${parsed.error.issues[0]?.message}`,
  );
}
