import { isAbsolute, join } from "node:path";
import { CtrError, isCtrError } from "../../core/mod.ts";
import {
  type Daemon,
  findDaemon,
  hostArchitecture,
  killDaemon,
  startDaemon,
  tscKhz,
} from "../../host/mod.ts";
import type { Architecture, Features, Finding, Hypervisor, Vm, VmConfig } from "../hypervisor.ts";
import {
  type AcceleratorChoice,
  type AcceleratorOptions,
  chooseAccelerator,
} from "./accelerator.ts";
import { qemuArguments } from "./arguments.ts";
import { findBinary } from "./binary.ts";
import { doctor } from "./doctor.ts";
import { clearSockets } from "./leftovers.ts";
import { DAEMON, readRecord, writeRecord } from "./record.ts";
import { endShareDaemons, type ShareDaemon, startShareDaemons } from "./share_daemons.ts";
import {
  linkFor9p,
  type PlannedShare,
  planShares,
  shareDevice,
  type ShareTransport,
} from "./shares.ts";
import { findVirtiofsd, type Virtiofsd } from "./virtiofsd.ts";
import { QemuVm } from "./vm.ts";
import { hasVhostVsock, isCidTaken, randomCid } from "./vsock.ts";

export interface QemuOptions extends AcceleratorOptions {
  /** `auto`: vsock where `/dev/vhost-vsock` can be used, else a virtio-serial port. */
  readonly transport?: "auto" | "vsock" | "serial";
  /** How folders are shared. `auto`: virtiofs where virtiofsd can run, else 9p. */
  readonly shares?: ShareTransport;
}

/** CIDs are picked at random from 2³¹; a second collision in a row is not chance. */
const CID_ATTEMPTS = 4;

/** Runs VMs as QEMU processes, one each. */
export class QemuHypervisor implements Hypervisor {
  readonly name = "qemu";
  readonly nicWire = "stream";
  #options: QemuOptions;
  #noticed = false;
  #choices = new Map<Architecture, Promise<AcceleratorChoice>>();

  constructor(options: QemuOptions) {
    this.#options = options;
  }

  async features(): Promise<Features> {
    const own = hostArchitecture();
    const { accelerator } = await this.#accelerator(own);
    return {
      balloon: true,
      save: false,
      shares: true,
      nestedVirtualization: false,
      parallelCpus: accelerator === "kvm" || own === "arm64",
      architectures: own === "amd64" ? ["amd64", "arm64"] : ["arm64", "amd64"],
      translated: [],
    };
  }

  async notice(): Promise<string | undefined> {
    const choice = await this.#accelerator(hostArchitecture());
    if (this.#noticed) return undefined;
    this.#noticed = true;
    return choice.notice;
  }

  doctor(): Promise<readonly Finding[]> {
    return doctor(this.#options);
  }

  async start(config: VmConfig): Promise<Vm> {
    if (!isAbsolute(config.folder)) throw new TypeError(`VM folder is relative: ${config.folder}`);
    checkSupported(config);
    if (!/^[\w.-]{1,64}$/.test(config.id)) throw new TypeError(`not a VM's name: ${config.id}`);
    const binary = await findBinary(config.architecture);
    const { accelerator } = await this.#accelerator(config.architecture);
    const transport = this.#options.transport ?? "auto";
    const vsock = transport === "auto" ? await hasVhostVsock() : transport === "vsock";
    const sharing = await this.#sharing(config);
    for (let attempt = 1;; attempt++) {
      const cid = vsock ? randomCid() : undefined;
      const shares = sharing.shares.map((share) => shareDevice(share, config.folder));
      const args = qemuArguments(config, { accelerator, cid, tscKhz: tscKhz(), shares });
      try {
        return await startQemu(config, binary.path, args, { accelerator, cid, sharing });
      } catch (error) {
        const again = isCtrError(error, "unavailable") && isCidTaken(error.message);
        if (!again || attempt === CID_ATTEMPTS) throw error;
        for (const name of ["claim", "pid", "log"]) {
          await Deno.remove(join(config.folder, `${DAEMON}.${name}`)).catch(() => {});
        }
      }
    }
  }

  async adopt(folder: string): Promise<Vm | undefined> {
    const record = await readRecord(folder);
    if (record === undefined) return undefined;
    const daemon = await findDaemon(folder, DAEMON);
    if (daemon === undefined) {
      await endShareDaemons(folder, record.shares.length);
      await clearSockets(folder);
      return undefined;
    }
    try {
      return await QemuVm.open(folder, record, daemon);
    } catch (error) {
      if (isCtrError(error, "unavailable")) return undefined; // it ended just now
      throw error;
    }
  }

  async #sharing({ shares = [] }: VmConfig): Promise<Sharing> {
    if (shares.length === 0) return { shares: [] };
    const wanted = this.#options.shares ?? "auto";
    const program = wanted === "9p" ? undefined : await findVirtiofsd();
    if (wanted === "virtiofs" && program === undefined) {
      throw new CtrError(
        "unavailable",
        "cannot share a folder by virtiofs: virtiofsd cannot run here",
        {
          hint: "it needs to be installed, and root; 9p needs neither",
        },
      );
    }
    const planned = await planShares(shares, program ? "virtiofs" : "9p");
    return { shares: planned, ...(program && { program }) };
  }

  #accelerator(architecture: Architecture): Promise<AcceleratorChoice> {
    const known = this.#choices.get(architecture);
    if (known !== undefined) return known;
    const choice = chooseAccelerator(architecture, this.#options);
    this.#choices.set(architecture, choice);
    choice.catch(() => this.#choices.delete(architecture)); // QEMU may be installed meanwhile
    return choice;
  }
}

/** What `features()` says no to. */
function checkSupported({ id, restore, rosetta, nested }: VmConfig): void {
  const asked = restore
    ? "restore it"
    : rosetta
    ? "use Rosetta"
    : nested
    ? "nest in it"
    : undefined;
  if (asked === undefined) return;
  throw new CtrError("unsupported", `cannot start VM "${id}": QEMU's driver cannot ${asked}`);
}

/** What a VM shares, and by which program if that takes one. */
interface Sharing {
  readonly shares: readonly PlannedShare[];
  readonly program?: Virtiofsd;
}

/** Each step leaves what `adopt()` can judge: first the facts, then the claim, then QEMU itself. */
async function startQemu(
  config: VmConfig,
  command: string,
  args: readonly string[],
  choices: { accelerator: "kvm" | "tcg"; cid: number | undefined; sharing: Sharing },
): Promise<Vm> {
  const { folder, id } = config;
  const record = {
    version: 1 as const,
    id,
    accelerator: choices.accelerator,
    ...(choices.cid !== undefined && { cid: choices.cid }),
    console: config.console,
    startedMs: Date.now(),
    shares: choices.sharing.shares.map(({ at: _at, ...share }) => share),
  };
  if (await Deno.lstat(join(folder, `${DAEMON}.claim`)).then(() => true, () => false)) {
    throw new CtrError(
      "exists",
      `cannot start VM "${id}": "${folder}" holds the record of another`,
    );
  }
  await writeRecord(folder, record);
  const shareDaemons = await beginSharing(folder, choices.sharing);
  let daemon: Daemon | undefined;
  try {
    daemon = await startDaemon({ folder, name: DAEMON, command, args });
    return await QemuVm.open(folder, record, daemon, shareDaemons);
  } catch (error) {
    if (daemon) await killDaemon(daemon, 5000);
    await endShareDaemons(folder, record.shares.length);
    await clearSockets(folder);
    throw isCtrError(error)
      ? error
      : new CtrError("unavailable", `cannot start VM "${id}"`, { cause: error });
  }
}

/** @returns The daemons that serve the shares; none for 9p, which QEMU itself serves. */
async function beginSharing(
  folder: string,
  { shares, program }: Sharing,
): Promise<readonly ShareDaemon[]> {
  if (program) return await startShareDaemons(folder, shares, program);
  for (const share of shares) if (share.single) await linkFor9p(share, folder);
  return [];
}
