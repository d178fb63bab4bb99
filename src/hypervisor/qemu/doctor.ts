import { CtrError, withDeadline } from "../../core/mod.ts";
import { hostArchitecture } from "../../host/mod.ts";
import type { Architecture, Finding } from "../hypervisor.ts";
import { type AcceleratorOptions, chooseAccelerator } from "./accelerator.ts";
import { findBinary } from "./binary.ts";
import { findVirtiofsd } from "./virtiofsd.ts";
import { hasVhostVsock } from "./vsock.ts";

/** Facts for `ctr doctor`, the host's own architecture first. */
export async function doctor(options: AcceleratorOptions): Promise<readonly Finding[]> {
  const own = hostArchitecture();
  const other = own === "amd64" ? "arm64" : "amd64";
  return await Promise.all([
    fact(`QEMU for ${own}`, () => qemu(own)),
    fact("accelerator", () => accelerator(own, options)),
    fact(`QEMU for ${other}`, () => qemu(other)),
    fact("vsock", vsock),
    fact("shared folders", shares),
  ]);
}

type Judgement = Omit<Finding, "name">;

async function fact(name: string, judge: () => Promise<Judgement>): Promise<Finding> {
  try {
    return { name, ...await withDeadline(name, 4500, judge) };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    const hint = error instanceof CtrError ? error.hint : undefined;
    return { name, ok: false, detail, ...(hint !== undefined && { hint }) };
  }
}

async function qemu(architecture: Architecture): Promise<Judgement> {
  const { path, version } = await findBinary(architecture);
  return { ok: true, detail: `${path}, version ${version}` };
}

async function accelerator(own: Architecture, options: AcceleratorOptions): Promise<Judgement> {
  // Asking must not use up the one notice that the next `run` owes the user.
  const { accelerator, reason, hint } = await chooseAccelerator(own, options, { tell: false });
  if (reason === undefined) return { ok: true, detail: accelerator };
  return { ok: false, detail: `${accelerator}: ${reason}`, ...(hint !== undefined && { hint }) };
}

async function shares(): Promise<Judgement> {
  const program = await findVirtiofsd();
  if (program) return { ok: true, detail: `virtiofs, by ${program.path}` };
  const why = Deno.uid() === 0 ? "virtiofsd is not installed, or cannot run here" : "without root";
  return { ok: true, detail: `9p, which is slower (${why})` };
}

async function vsock(): Promise<Judgement> {
  return await hasVhostVsock()
    ? { ok: true, detail: "/dev/vhost-vsock can be used" }
    : { ok: true, detail: "no usable /dev/vhost-vsock; virtio-serial is used instead" };
}
