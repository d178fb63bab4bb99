import { readFileSync } from "node:fs";
import { availableParallelism, release, totalmem } from "node:os";

/** `linux` or `darwin`. Only the chooser of the hypervisor has a reason to ask. */
export function hostSystem(): "linux" | "darwin" {
  return Deno.build.os === "darwin" ? "darwin" : "linux";
}

/** The host's processor as OCI spells it. */
export function hostArchitecture(): "amd64" | "arm64" {
  return Deno.build.arch === "aarch64" ? "arm64" : "amd64";
}

/** Processors that this process may use. */
export function hostCpus(): number {
  return availableParallelism();
}

export function hostMemoryBytes(): number {
  return totalmem();
}

/** `uname -r`. */
export function kernelRelease(): string {
  return release();
}

/**
 * Frequency of the time stamp counter, which a guest under emulation reads unscaled.
 *
 * The kernel tells it in `/proc/cpuinfo` as the model's nominal speed, else as "cpu MHz", which is
 * the nominal speed only while it does not scale; so it is used only where the two agree or where
 * the processor cannot scale (a virtual machine).
 *
 * @returns Kilohertz, or `undefined` when it is not known for sure.
 */
export function tscKhz(cpuinfo = readCpuinfo(), scales = canScale()): number | undefined {
  if (!/^flags\s*:.*\bconstant_tsc\b/m.test(cpuinfo) || scales) return undefined;
  const mhz = [...cpuinfo.matchAll(/^cpu MHz\s*:\s*([\d.]+)$/mg)].map((match) => Number(match[1]));
  const first = mhz[0];
  if (first === undefined || first < 100 || mhz.some((each) => each !== first)) return undefined;
  return Math.round(first * 1000);
}

function readCpuinfo(): string {
  try {
    return readFileSync("/proc/cpuinfo", "utf8");
  } catch {
    return "";
  }
}

function canScale(): boolean {
  try {
    readFileSync("/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver");
    return true;
  } catch {
    return false;
  }
}
