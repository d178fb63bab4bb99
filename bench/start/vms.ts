import { join } from "node:path";
import { connectGuest } from "../../src/guest/mod.ts";
import { hostArchitecture, hostCpus } from "../../src/host/mod.ts";
import { chooseHypervisor, type Hypervisor, type Vm } from "../../src/hypervisor/mod.ts";
import { findGuestAssets, GUEST_OVERHEAD_BYTES, type GuestAssets } from "../../src/vm/mod.ts";
import { useBundledAssets } from "../cli/bundled.ts";
import { referenceDisk } from "./reference.ts";

const PORT = 1024;
const DEADLINE_MS = 60_000;

export interface GuestOptions {
  readonly kernelArguments?: readonly string[];
}

/**
 * Starts guests without an engine, with the kernel, CPUs, memory and devices that `ctr run` gives a
 * container, its disks apart: one of vminitd, and one of an init that is next to nothing.
 */
export class Guests implements AsyncDisposable {
  readonly #root: string;
  readonly #hypervisor: Hypervisor;
  readonly #assets: GuestAssets;
  readonly #cpus: number;
  readonly reference: string;
  accelerator = "";

  private constructor(
    root: string,
    parts: { hypervisor: Hypervisor; assets: GuestAssets; cpus: number; reference: string },
  ) {
    this.#root = root;
    this.#hypervisor = parts.hypervisor;
    this.#assets = parts.assets;
    this.#cpus = parts.cpus;
    this.reference = parts.reference;
  }

  static async open(): Promise<Guests> {
    await useBundledAssets();
    const root = await Deno.makeTempDir({ dir: "/tmp", prefix: "ctr-bench-" });
    const hypervisor = chooseHypervisor({
      stateFolder: join(root, "state"),
      accelerator: (Deno.env.get("CTR_ACCELERATOR") ?? "auto") as "auto",
    });
    const { parallelCpus } = await hypervisor.features();
    return new Guests(root, {
      hypervisor,
      assets: await findGuestAssets(hostArchitecture()),
      cpus: parallelCpus ? Math.min(4, hostCpus()) : 1, // as the engine chooses
      reference: await referenceDisk(root),
    });
  }

  /** vminitd's. */
  get bootDisk(): string {
    return this.#assets.bootDisk;
  }

  /** Starts a guest, takes its figure, ends it. */
  async measure(
    bootDisk: string,
    figure: (vm: Vm, folder: string) => Promise<number>,
    { kernelArguments = [] }: GuestOptions = {},
  ): Promise<number> {
    const folder = await Deno.makeTempDir({ dir: this.#root });
    const vm = await this.#hypervisor.start({
      id: "bench",
      folder,
      architecture: hostArchitecture(),
      kernel: this.#assets.kernel,
      kernelArguments,
      bootDisk,
      disks: [],
      nics: [{ kind: "user", mac: "52:54:00:00:00:01" }],
      cpus: this.#cpus,
      memoryBytes: 2 ** 30 + GUEST_OVERHEAD_BYTES,
      console: join(folder, "console"),
    });
    this.accelerator = vm.accelerator;
    try {
      return await figure(vm, folder);
    } finally {
      await vm.kill();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#root, { recursive: true });
  }
}

/** @returns Milliseconds from the monitor's start to vminitd's first answer. */
export async function untilHello(vm: Vm): Promise<number> {
  const stream = await vm.connect(PORT, { deadlineMs: DEADLINE_MS });
  const options = { hostVersion: "bench", transport: "vsock", deadlineMs: DEADLINE_MS } as const;
  const guest = await connectGuest(stream, options);
  const took = Date.now() - vm.timing.startedMs;
  guest.close();
  return took;
}

/** The same for the reference. Its console's file is watched, which adds less than a millisecond. */
export async function untilLine(vm: Vm, folder: string): Promise<number> {
  const watcher = Deno.watchFs(folder);
  const late = setTimeout(() => watcher.close(), DEADLINE_MS);
  const isUp = async () =>
    (await Deno.readTextFile(join(folder, "console")).catch(() => "")).includes("reference is up");
  try {
    if (await isUp()) return Date.now() - vm.timing.startedMs;
    for await (const _ of watcher) {
      if (await isUp()) return Date.now() - vm.timing.startedMs;
    }
  } finally {
    clearTimeout(late);
    try {
      watcher.close();
    } catch { /* the deadline has closed it */ }
  }
  throw new Error("the reference guest said nothing");
}
