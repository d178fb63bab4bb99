import { bootVm, type RunningVm, Stopwatch } from "../../vm/mod.ts";
import type { Context } from "../context.ts";
import { UPPER_BYTES } from "../defaults.ts";
import { machineFor } from "../guest_machine.ts";
import { startRequest } from "../guest_request.ts";
import { layerDisks } from "../root_disk.ts";
import { guestNetwork } from "../networking/guest_network.ts";
import { type AttachedMounts, attachMounts } from "../mounts/attach.ts";
import { makeKeptUpper } from "./kept_upper.ts";
import type { FileOwner } from "./owner.ts";

/** What a guest needs to mount disks and to move files. */
const MEMORY_BYTES = 128 * 1024 ** 2;

/**
 * Boots a VM with a container's file systems: its disks, its volumes and its shares, but no process.
 *
 * @param spawned Gets the VM while its guest still boots.
 */
export async function bootHelper(
  context: Context,
  owner: FileOwner,
  spawned: (vm: { kill(): Promise<void> }) => void,
): Promise<RunningVm> {
  const { config } = owner.record;
  const { volumes } = context;
  try {
    const vm = await boot(context, owner, await attachMounts(config, volumes), spawned);
    vm.ended.then(() => volumes.detach(config.id));
    return vm;
  } catch (error) {
    volumes.detach(config.id);
    throw error;
  }
}

async function boot(
  context: Context,
  owner: FileOwner,
  mounts: AttachedMounts,
  spawned: (vm: { kill(): Promise<void> }) => void,
): Promise<RunningVm> {
  const { record: { config, started }, folders } = owner;
  const layers = await layerDisks(context.images, config);
  if (!started) await makeKeptUpper(folders.upper, context.diskBytes ?? UPPER_BYTES);
  await Deno.mkdir(folders.logs, { recursive: true, mode: 0o700 });
  const booting = await bootVm(context.hypervisor, context.connect, {
    id: config.id,
    folder: folders.vm,
    console: folders.console,
    ...await machineFor(context.hypervisor, config.platform.architecture),
    layers,
    upper: folders.upper,
    disks: mounts.disks,
    shares: mounts.shares,
    nics: [],
    cpus: 1,
    memoryBytes: MEMORY_BYTES,
    kernel: config.kernel,
    kernelArguments: config.kernelArguments,
  }, new Stopwatch());
  spawned(booting.vm);
  const vm = await booting.running;
  try {
    const guestMounts = mounts.guestMounts(vm.vm.shareMounts);
    const request = startRequest(config, layers.length, guestMounts);
    await vm.guest.startContainer({
      ...request,
      process: undefined,
      ...await guestNetwork(config, [], context.networks),
      hosts: [],
    });
    return vm;
  } catch (error) {
    await vm.kill();
    throw error;
  }
}
