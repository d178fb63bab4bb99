import { join } from "node:path";
import { connectGuest } from "../../src/guest/mod.ts";
import type { Hypervisor, Vm } from "../../src/hypervisor/mod.ts";

const PORT = 1024;
const DEADLINE_MS = 60_000;

export function startVm(
  hypervisor: Hypervisor,
  folder: string,
  kernel: string,
  bootDisk: string,
): Promise<Vm> {
  return hypervisor.start({
    id: "bench",
    folder,
    architecture: "amd64",
    kernel,
    kernelArguments: [],
    bootDisk,
    disks: [],
    nics: [{ kind: "user", mac: "52:54:00:00:00:01" }],
    cpus: 2,
    memoryBytes: 512 * 2 ** 20,
    console: join(folder, "console"),
  });
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
  for await (const _ of Deno.watchFs(folder)) {
    const text = await Deno.readTextFile(join(folder, "console")).catch(() => "");
    if (text.includes("reference is up")) return Date.now() - vm.timing.startedMs;
  }
  throw new Error("the reference guest said nothing");
}
