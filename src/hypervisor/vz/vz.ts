import { isAbsolute } from "node:path";
import { CtrError, isCtrError } from "../../core/mod.ts";
import {
  type Daemon,
  findDaemon,
  findShim,
  hostArchitecture,
  killDaemon,
  ownCommand,
  startDaemon,
} from "../../host/mod.ts";
import type { Features, Finding, Hypervisor, Vm, VmConfig, VmnetNetwork } from "../hypervisor.ts";
import { doctor } from "./doctor.ts";
import { clearSockets } from "./held_vm.ts";
import { askHost } from "./host_facts.ts";
import { addToNetwork, findHolder } from "./network_monitor.ts";
import { planVm, vmnetOf } from "./plan.ts";
import { DAEMON, machineIdFile, readVmRecord, type VmRecord, writeRecord } from "./record.ts";
import type { HostFacts } from "./shapes.ts";
import { beginSharing, endSharing } from "./shares.ts";
import { PATIENCE, type Patience, VzVm } from "./vm.ts";

export interface VzOptions {
  /** The command of `ctr vm`; by default this same ctr. */
  readonly monitor?: readonly string[];
  /** The shim; by default `CTR_VZ_LIBRARY`, else the one that belongs to this ctr. */
  readonly library?: string;
  readonly patience?: Patience;
}

const GONE_MS = 10_000;

/** Runs VMs in Virtualization.framework, each in a process `ctr vm`, which holds it. */
export class VzHypervisor implements Hypervisor {
  readonly name = "vz";
  readonly nicWire = "datagram";
  readonly #options: VzOptions;
  #facts: Promise<HostFacts> | undefined;

  constructor(options: VzOptions = {}) {
    this.#options = options;
  }

  async features(): Promise<Features> {
    const { nested, rosetta } = await this.#host();
    return {
      balloon: true,
      save: true,
      shares: true,
      nestedVirtualization: nested,
      parallelCpus: true,
      architectures: [hostArchitecture()],
      translated: rosetta === "installed" ? ["amd64"] : [],
    };
  }

  notice(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  doctor(): Promise<readonly Finding[]> {
    return doctor(() => this.#host());
  }

  async start(config: VmConfig): Promise<Vm> {
    const { folder, id } = config;
    if (!isAbsolute(folder)) throw new TypeError(`VM folder is relative: ${folder}`);
    if (!/^[\w.-]{1,64}$/.test(id)) throw new TypeError(`not a VM's name: ${id}`);
    if (config.architecture !== hostArchitecture()) {
      const fact = `this host runs ${hostArchitecture()} guests only`;
      throw new CtrError("unsupported", `cannot run a guest of ${config.architecture}: ${fact}`);
    }
    const network = vmnetOf(config);
    const library = await this.#library();
    await this.#checkAsked(config, network);
    await checkReadable(config);
    const before = await readVmRecord(folder);
    if (before !== undefined) {
      throw new CtrError(
        "exists",
        `cannot start VM "${id}": "${folder}" holds the record of another`,
      );
    }
    const { found, folders } = await beginSharing(folder, config.shares ?? []);
    const record: VmRecord = {
      version: 1,
      kind: "vm",
      id,
      library,
      monitor: network?.folder ?? folder,
      console: config.console,
      startedMs: Date.now(),
      plan: planVm(config, folders, await readMachineId(config.restore)),
      shares: found,
    };
    await writeRecord(folder, record);
    return network
      ? await this.#startOn(network, folder, record)
      : await this.#startAlone(folder, record);
  }

  async adopt(folder: string): Promise<Vm | undefined> {
    const record = await readVmRecord(folder);
    if (record === undefined) return undefined;
    const shared = record.monitor !== folder;
    const daemon = shared
      ? await findHolder(record.monitor, folder)
      : await findDaemon(folder, DAEMON);
    if (daemon === undefined) {
      await clearSockets(folder, record.plan.nics.length);
      await endSharing(folder, record.shares.length);
      return undefined;
    }
    try {
      return await VzVm.open(folder, record, daemon, this.#patience);
    } catch (error) {
      if (!isCtrError(error)) throw error;
      // It ended just now, hangs, or speaks another language: nobody will reach its guest again.
      if (!shared) await killDaemon(daemon, GONE_MS);
      await clearSockets(folder, record.plan.nics.length);
      await endSharing(folder, record.shares.length);
      return undefined;
    }
  }

  get #patience(): Patience {
    return this.#options.patience ?? PATIENCE;
  }

  get #command(): readonly string[] {
    return this.#options.monitor ?? ownCommand("vm");
  }

  async #library(): Promise<string> {
    return this.#options.library ?? await findShim();
  }

  #host(): Promise<HostFacts> {
    this.#facts ??= this.#library().then((library) => askHost(this.#command, library));
    this.#facts.catch(() => this.#facts = undefined); // the next one may find it mended
    return this.#facts;
  }

  async #checkAsked(
    { id, nested, rosetta }: VmConfig,
    network: VmnetNetwork | undefined,
  ): Promise<void> {
    if (!nested && !rosetta && !network) return;
    const facts = await this.#host();
    const fact = nested && !facts.nested
      ? "this Mac has no nested virtualization: that takes an M3 or later"
      : rosetta && facts.rosetta !== "installed"
      ? "Rosetta is not installed"
      : network && !facts.vmnet
      ? "networks of vmnet take macOS 26"
      : undefined;
    if (fact === undefined) return;
    throw new CtrError("unsupported", `cannot start VM "${id}": ${fact}`, {
      hint: rosetta && facts.rosetta === "missing"
        ? "type: softwareupdate --install-rosetta"
        : undefined,
    });
  }

  async #startAlone(folder: string, record: VmRecord): Promise<Vm> {
    const [command, ...args] = this.#command;
    let daemon: Daemon | undefined;
    try {
      daemon = await startDaemon({
        folder,
        name: DAEMON,
        command: command!,
        args: [...args, folder],
      });
      return await VzVm.open(folder, record, daemon, this.#patience);
    } catch (error) {
      if (daemon) await killDaemon(daemon, GONE_MS);
      throw await this.#cleared(folder, record, error);
    }
  }

  async #startOn(network: VmnetNetwork, folder: string, record: VmRecord): Promise<Vm> {
    const how = { command: this.#command, library: record.library };
    try {
      const daemon = await addToNetwork(network, folder, how);
      const { pid, start } = daemon;
      return await VzVm.open(folder, record, { pid, start }, this.#patience);
    } catch (error) {
      throw await this.#cleared(folder, record, error);
    }
  }

  async #cleared(folder: string, record: VmRecord, error: unknown): Promise<CtrError> {
    await clearSockets(folder, record.plan.nics.length);
    await endSharing(folder, record.shares.length);
    return isCtrError(error)
      ? error
      : new CtrError("unavailable", `cannot start VM "${record.id}"`, { cause: error });
  }
}

/** The framework names no file. */
async function checkReadable({ id, kernel, bootDisk, disks }: VmConfig): Promise<void> {
  for (const path of [kernel, bootDisk, ...disks.map(({ path }) => path)]) {
    try {
      (await Deno.open(path)).close();
    } catch (cause) {
      throw new CtrError("unavailable", `cannot start VM "${id}": cannot read "${path}"`, {
        cause,
      });
    }
  }
}

async function readMachineId(saved: string | undefined): Promise<string | undefined> {
  if (saved === undefined) return undefined;
  const path = machineIdFile(saved);
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch (cause) {
    const message = `cannot restore "${saved}": "${path}" cannot be read`;
    throw new CtrError("not-found", message, { cause });
  }
}
