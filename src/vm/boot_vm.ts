import type { Architecture, Disk, Hypervisor, Nic, Share, Vm } from "../hypervisor/mod.ts";
import { findGuestAssets } from "./guest_assets.ts";
import { type ConnectGuest, RunningVm } from "./running_vm.ts";
import { now, type Stopwatch } from "./stopwatch.ts";

/** What the guest itself needs on top of what its container may use. */
export const GUEST_OVERHEAD_BYTES = 128 * 1024 * 1024;
/** A guest under emulation beside nine others on a small host is slow, not lost. */
const BOOT_MS = 120_000;
const ADOPT_MS = 30_000;

export interface BootRequest {
  readonly id: string;
  /** Emptied before use. */
  readonly folder: string;
  /** The boot log. */
  readonly console: string;
  readonly architecture: Architecture;
  /** Programs of another architecture are translated. */
  readonly rosetta?: true;
  /** Read-only disks, lowest first. */
  readonly layers: readonly string[];
  readonly upper: string;
  /** The upper disk is worth nothing after the VM. */
  readonly volatile?: boolean | undefined;
  /** Further disks: volumes. */
  readonly disks?: readonly Disk[] | undefined;
  readonly shares?: readonly Share[] | undefined;
  readonly nics: readonly Nic[];
  readonly cpus: number;
  /** What the container may use. */
  readonly memoryBytes: number;
  readonly kernel?: string | undefined;
  readonly kernelArguments: readonly string[];
}

export interface Boot {
  readonly vm: Vm;
  /** Resolves when the guest has answered. Rejects, with the VM gone, if it does not. */
  readonly running: Promise<RunningVm>;
}

/** Serials by which the guest finds its disks. */
export function layerSerials(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `layer${index}`);
}
export const UPPER_SERIAL = "upper";

/**
 * Starts a VM and returns while its guest still boots.
 *
 * @throws {CtrError} as the driver does; nothing is left then.
 */
export async function bootVm(
  hypervisor: Hypervisor,
  connect: ConnectGuest,
  request: BootRequest,
  watch: Stopwatch,
): Promise<Boot> {
  const [assets] = await Promise.all([findGuestAssets(request.architecture), emptyFolder(request)]);
  const serials = layerSerials(request.layers.length);
  const vm = await hypervisor.start({
    id: request.id,
    folder: request.folder,
    architecture: request.architecture,
    rosetta: request.rosetta,
    kernel: request.kernel ?? assets.kernel,
    kernelArguments: request.kernelArguments,
    bootDisk: assets.bootDisk,
    disks: [
      ...request.layers.map((path, index) => ({ path, readonly: true, serial: serials[index]! })),
      {
        path: request.upper,
        readonly: false,
        serial: UPPER_SERIAL,
        volatile: request.volatile,
      },
      ...request.disks ?? [],
    ],
    nics: request.nics,
    shares: request.shares ?? [],
    cpus: request.cpus,
    memoryBytes: request.memoryBytes + GUEST_OVERHEAD_BYTES,
    console: request.console,
  });
  watch.add("VMM", vm.timing.startedMs, vm.timing.spawnedMs);
  return { vm, running: connected(vm, connect, watch) };
}

async function connected(vm: Vm, connect: ConnectGuest, watch: Stopwatch): Promise<RunningVm> {
  try {
    const guest = await connect(vm, BOOT_MS);
    watch.addBoot(vm.timing.spawnedMs, now(), guest.bootSteps);
    return new RunningVm(vm, guest, connect);
  } catch (error) {
    await vm.kill();
    throw error;
  }
}

async function emptyFolder({ folder }: BootRequest): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(folder, { mode: 0o700 });
}

/**
 * Finds the VM of an earlier engine.
 *
 * @returns Undefined if it does not live, or lives without answering (it is killed then).
 */
export async function adoptVm(
  hypervisor: Hypervisor,
  connect: ConnectGuest,
  folder: string,
): Promise<RunningVm | undefined> {
  const vm = await hypervisor.adopt(folder);
  if (!vm) return undefined;
  try {
    return new RunningVm(vm, await connect(vm, ADOPT_MS), connect);
  } catch {
    await vm.kill();
    return undefined;
  }
}

/** Ends the VM of a container that nobody knows any more. */
export async function discardVm(hypervisor: Hypervisor, folder: string): Promise<void> {
  const vm = await hypervisor.adopt(folder);
  await vm?.kill();
}
