import type { UpdateRequest } from "../api/mod.ts";
import { CtrError, formatSize } from "../core/mod.ts";
import { hostMemoryBytes } from "../host/mod.ts";
import type { LimitsSpec, RunningVm } from "../vm/mod.ts";
import { LEAST_MEMORY } from "./defaults.ts";
import type { ContainerConfig, ContainerRecord } from "./types.ts";

/** What `cpu.max` counts in. */
const PERIOD_US = 100_000;
/** PID_MAX_LIMIT of 64-bit Linux: no limit at all. */
const MOST_PIDS = 4_194_304;

/**
 * The configuration with the changes, and what of them only holds from the next start on. What can be
 * is in force in the guest when this returns: limits within what its VM was booted with.
 *
 * @param vm Undefined if it does not run.
 * @throws {CtrError} `usage` for what cannot be, `conflict` for less memory than is in use.
 */
export async function updated(
  { config, started }: ContainerRecord,
  request: UpdateRequest,
  vm: RunningVm | undefined,
): Promise<{ readonly config: ContainerConfig; readonly warnings: string[] }> {
  const { memoryBytes, cpus, pidsLimit, restart } = request;
  if (memoryBytes !== undefined) checkMemory(config.name, memoryBytes);
  if (restart && restart.name !== "no" && config.autoRemove) {
    throw new CtrError("usage", `cannot update "${config.name}": it removes itself when it ends`, {
      hint: "what has --rm cannot have --restart",
    });
  }
  const warnings: string[] = [];
  if (vm) {
    const booted = {
      memoryBytes: started?.memoryBytes ?? config.memoryBytes,
      cpus: started?.cpus ?? config.cpus,
    };
    const limits = liveLimits(request, booted, warnings);
    if (limits.memoryBytes) await checkUse(config, limits.memoryBytes, vm);
    if (Object.keys(limits).length > 0) await vm.guest.update(config.id, limits);
  }
  return {
    warnings,
    config: {
      ...config,
      ...(memoryBytes !== undefined && { memoryBytes }),
      ...(cpus !== undefined && { cpus }),
      ...(pidsLimit !== undefined && { pidsLimit }),
      ...(restart && { restart }),
    },
  };
}

/** @throws {CtrError} `usage` for less than a guest can begin with, or more than the host has. */
export function checkMemory(name: string, bytes: number, verb = "update"): void {
  if (bytes < LEAST_MEMORY) {
    throw new CtrError(
      "usage",
      `cannot ${verb} "${name}": ${formatSize(bytes)} of memory, least ${formatSize(LEAST_MEMORY)}`,
      { hint: "give a suffix, as in --memory 512m" },
    );
  }
  const most = hostMemoryBytes();
  if (bytes <= most) return;
  throw new CtrError(
    "usage",
    `cannot ${verb} "${name}": ${formatSize(bytes)} of memory, and this host has ` +
      formatSize(most),
  );
}

/** A VM cannot be given more than it was booted with, but its container can be given less. */
function liveLimits(
  { memoryBytes, cpus, pidsLimit }: UpdateRequest,
  booted: { readonly memoryBytes: number; readonly cpus: number },
  warnings: string[],
): LimitsSpec {
  const later = (what: string, has: string) =>
    warnings.push(`${what} applies at the next start: the VM was booted with ${has}`);
  if (memoryBytes !== undefined && memoryBytes > booted.memoryBytes) {
    later(`--memory ${formatSize(memoryBytes)}`, formatSize(booted.memoryBytes));
  }
  if (cpus !== undefined && cpus > booted.cpus) {
    later(`--cpus ${cpus}`, booted.cpus === 1 ? "1 CPU" : `${booted.cpus} CPUs`);
  }
  return {
    // What is too much for the VM is what it has until then.
    ...(memoryBytes !== undefined && { memoryBytes: Math.min(memoryBytes, booted.memoryBytes) }),
    ...(cpus !== undefined && { cpuQuotaUs: Math.min(cpus, booted.cpus) * PERIOD_US }),
    ...(pidsLimit !== undefined && { pids: pidsLimit || MOST_PIDS }),
  };
}

/** The guest's kernel would kill what does not fit. */
async function checkUse({ id, name }: ContainerConfig, bytes: number, vm: RunningVm) {
  const { memoryWorkingSetBytes: used } = await vm.guest.stats(id);
  if (used <= bytes) return;
  throw new CtrError(
    "conflict",
    `cannot update "${name}": it uses ${formatSize(used)} of memory, more than ` +
      formatSize(bytes),
    { hint: "stop it first: the limit then holds from its next start on" },
  );
}
