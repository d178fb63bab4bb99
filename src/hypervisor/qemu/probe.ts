import { join } from "node:path";
import type { Architecture } from "../hypervisor.ts";
import type { Binary } from "./binary.ts";
import { probeImage } from "./probe_image.ts";

export type ProbeOutcome =
  | { readonly works: true }
  | { readonly works: false; readonly reason: string };

/** Everything, from the temporary file to the last byte of QEMU's messages. */
export const PROBE_DEADLINE_MS = 1000;

/** isa-debug-exit ends QEMU with (0x2a << 1) | 1; PSCI SYSTEM_OFF with 0. */
const SUCCESS: Readonly<Record<Architecture, number>> = { amd64: 85, arm64: 0 };

const MACHINE: Readonly<Record<Architecture, readonly string[]>> = {
  amd64: [
    ...["-M", "microvm,x-option-roms=off,isa-serial=off,pit=off,pic=off"],
    ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
  ],
  arm64: ["-M", "virt,gic-version=host"],
};

/**
 * Runs a tiny guest of the host's architecture under KVM, with the processor that real guests get.
 *
 * A `/dev/kvm` that opens does not prove anything: nested and emulated ones create a VM and then never
 * leave its first pages, or QEMU aborts on a register that they refuse.
 */
export async function probeKvm(
  architecture: Architecture,
  binary: Binary,
  accelerator: readonly string[] = ["-accel", "kvm", "-cpu", "host"],
): Promise<ProbeOutcome> {
  const folder = await Deno.makeTempDir({ prefix: "ctr-probe-" });
  try {
    const kernel = join(folder, "probe.elf");
    await Deno.writeFile(kernel, await probeImage(architecture));
    return await run(architecture, binary.path, [
      ...["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
      ...MACHINE[architecture],
      ...accelerator,
      ...["-m", "64M", "-kernel", kernel],
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(
  architecture: Architecture,
  path: string,
  args: string[],
): Promise<ProbeOutcome> {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", 'ulimit -c 0; exec "$@"', "sh", path, ...args], // it may abort: no core file
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, PROBE_DEADLINE_MS);
  const { code, signal, stderr } = await child.output();
  clearTimeout(timer);
  if (!late && signal === null && code === SUCCESS[architecture]) return { works: true };
  const said = new TextDecoder().decode(stderr).split("\n").map((line) => line.trim())
    .find((line) => line !== "" && !line.includes("warning:"))?.replace(
      /^qemu-system-\w+: (error: )?/,
      "",
    );
  const how = late ? "a guest does not run to its end" : "QEMU cannot run a guest";
  return { works: false, reason: said === undefined ? how : `${how} (${said.slice(0, 120)})` };
}
