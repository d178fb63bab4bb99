import { makeEmptyExt4 } from "../ext4/mod.ts";
import { bootVm, named, now, type RunningVm, type Stopwatch } from "../vm/mod.ts";
import { type Context, foldersOf } from "./context.ts";
import { UPPER_BYTES } from "./defaults.ts";
import { isKept } from "./files/kept_upper.ts";
import { machineFor } from "./guest_machine.ts";
import { startRequest } from "./guest_request.ts";
import { layerDisks } from "./root_disk.ts";
import { HostLinks } from "./host_links.ts";
import { attachMounts } from "./mounts/attach.ts";
import { guestHosts, guestNetwork } from "./networking/guest_network.ts";
import { joinNetworks, plugNetworks } from "./networking/join.ts";
import { listenSpecs } from "./sockets/plan.ts";
import type { ContainerRecord } from "./types.ts";

export interface StartedVm {
  readonly vm: RunningVm;
  /** When the first process began, Unix milliseconds. */
  readonly startedMs: number;
  readonly links: HostLinks;
}

/**
 * Boots a container's VM and starts its first process. Either both live afterwards or nothing does.
 *
 * @param spawned Called while the guest boots: what it does costs nothing.
 */
export async function startVm(
  context: Context,
  record: ContainerRecord,
  watch: Stopwatch,
  spawned: () => void,
): Promise<StartedVm> {
  const { id } = record.config;
  try {
    return await start(context, record, watch, spawned);
  } catch (error) {
    await context.networks.release(id);
    throw error;
  }
}

async function start(
  context: Context,
  record: ContainerRecord,
  watch: Stopwatch,
  spawned: () => void,
): Promise<StartedVm> {
  const { config } = record;
  const { networks } = context;
  const folders = foldersOf(context.home, config.id);
  const [endpoints, layers, mounts, machine] = await settled([
    watch.measure("network", () => joinNetworks(networks, config)),
    watch.measure("image", () => layerDisks(context.images, config)),
    attachMounts(config, context.volumes),
    machineFor(context.hypervisor, config.platform.architecture),
    watch.measure("disk", () => prepareUpper(record, folders.upper, context.diskBytes)),
    Deno.mkdir(folders.logs, { recursive: true, mode: 0o700 }),
  ]);
  const boot = await bootVm(context.hypervisor, context.connect, {
    id: config.id,
    folder: folders.vm,
    console: folders.console,
    ...machine,
    layers,
    upper: folders.upper,
    disks: mounts.disks,
    shares: mounts.shares,
    nics: endpoints.map(({ mac, tap }) =>
      tap === undefined ? { kind: "stream", mac } : { kind: "tap", mac, name: tap }
    ),
    cpus: config.cpus,
    memoryBytes: config.memoryBytes,
    kernel: config.kernel,
    kernelArguments: config.kernelArguments,
  }, watch);
  boot.running.catch(() => {}); // awaited below
  const plugged = plugNetworks(networks, config, endpoints, {
    folder: folders.vm,
    wire: context.hypervisor.nicWire,
  });
  plugged.catch(() => {}); // awaited below
  try {
    spawned();
  } catch (error) { // a full disk: nobody would find the VM again
    await boot.vm.kill();
    throw error;
  }
  const vm = await boot.running;
  const links = new HostLinks(context, vm, config);
  try {
    await plugged;
    await links.publish();
    const began = now();
    const guestMounts = mounts.guestMounts(vm.vm.shareMounts);
    const names = await guestNetwork(config, endpoints, networks);
    const hosts = guestHosts(config, endpoints);
    const request = {
      ...startRequest(config, layers.length, guestMounts),
      ...names,
      hosts,
    };
    const listeners = await listenSpecs(config);
    const started = await vm.guest.startContainer({ ...request, listeners });
    watch.add("process", began, now(), named(started.steps));
    links.begin();
    return { vm, startedMs: started.atMs, links };
  } catch (error) {
    await links.end();
    await vm.kill();
    throw error;
  }
}

/** As `Promise.all()`, but nothing is under way any more when it throws. */
async function settled<T extends readonly unknown[]>(
  work: readonly [...{ [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  await Promise.allSettled(work);
  return await Promise.all(work) as unknown as T;
}

/**
 * A container that has never run and got no files has nothing to lose, so its disk is made anew: it is
 * always whole. The journal is not for crashes alone: without one a guest whose host's disk is full goes
 * on writing and is never told.
 */
async function prepareUpper(
  record: ContainerRecord,
  path: string,
  bytes = UPPER_BYTES,
): Promise<void> {
  if (record.started || await isKept(path)) return;
  await makeEmptyExt4(path, bytes, { journal: true });
}
