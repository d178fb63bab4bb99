import { resolve } from "node:path";
import { CtrError } from "../../core/mod.ts";
import type { Nic, VmConfig, VmnetNetwork } from "../hypervisor.ts";
import type { VmPlan } from "./record.ts";

const MIB = 2 ** 20;

/**
 * Decides all that a monitor is told. Pure.
 *
 * @throws {CtrError} `usage`, `unsupported` for what the framework would refuse with less to say.
 */
export function planVm(
  config: VmConfig,
  shares: VmPlan["shares"],
  machineId: string | undefined,
): VmPlan {
  const { rosetta = false, nested = false, restore } = config;
  const memory = Math.floor(config.memoryBytes / MIB);
  if (memory < 32) {
    const fact = `it needs at least 32 MiB`;
    throw new CtrError("usage", `cannot give a VM ${memory} MiB of memory: ${fact}`);
  }
  const boot = { path: config.bootDisk, readonly: true, serial: "boot" };
  return {
    kernel: resolve(config.kernel),
    commandLine: commandLine(config),
    machineId,
    cpus: config.cpus,
    memoryBytes: memory * MIB,
    disks: [boot, ...config.disks].map(checkDisk),
    nics: config.nics.map(planNic),
    shares,
    rosetta,
    nested,
    ...(restore !== undefined && { restore: resolve(restore) }),
  };
}

/** The one network of vmnet that the VM is on; such VMs live with the network. */
export function vmnetOf({ id, nics }: Pick<VmConfig, "id" | "nics">): VmnetNetwork | undefined {
  const networks = nics.flatMap((nic) => nic.kind === "vmnet" ? [nic.network] : []);
  if (new Set(networks.map(({ folder }) => folder)).size > 1) {
    const fact = "it can be on one network of vmnet only, whose process holds it";
    throw new CtrError("unsupported", `cannot start VM "${id}": ${fact}`);
  }
  return networks[0];
}

function commandLine({ kernelArguments, rosetta }: VmConfig): string {
  return [
    ...["console=hvc0", "quiet", "root=/dev/vda", "ro", "rootfstype=ext4", "panic=-1"],
    ...(rosetta ? ["ctr.rosetta"] : []),
    ...kernelArguments,
  ].join(" ");
}

function checkDisk({ path, readonly, serial }: VmConfig["disks"][number]) {
  if (/^[\x21-\x7e]{1,20}$/.test(serial)) return { path: resolve(path), readonly, serial };
  const want = "want 1 to 20 ASCII characters";
  throw new CtrError("usage", `cannot attach a disk as "${serial}": ${want}`);
}

function planNic({ kind, mac }: Nic): VmPlan["nics"][number] {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) {
    throw new CtrError("usage", `cannot add a network device: "${mac}" is not a MAC address`);
  }
  if (kind === "stream" || kind === "nat" || kind === "vmnet") return { kind, mac };
  throw new CtrError("unsupported", `cannot add a network device of kind ${kind}: it is QEMU's`);
}
