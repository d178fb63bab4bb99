import { CtrError } from "../core/mod.ts";
import { hostSystem } from "../host/mod.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { QemuHypervisor, type QemuOptions } from "./qemu/qemu.ts";
import { VzHypervisor } from "./vz/vz.ts";

/**
 * The hypervisor of this host; `CTR_HYPERVISOR` goes before.
 *
 * @throws {CtrError} `usage` for one that there is not.
 */
export function chooseHypervisor(
  options: QemuOptions,
  wanted = Deno.env.get("CTR_HYPERVISOR"),
): Hypervisor {
  const name = wanted || (hostSystem() === "darwin" ? "vz" : "qemu");
  if (name === "qemu") return new QemuHypervisor(options);
  if (name === "vz") return new VzHypervisor();
  throw new CtrError("usage", `cannot use CTR_HYPERVISOR "${name}": want qemu or vz`);
}
