import { CtrError } from "../core/mod.ts";
import { hostSystem } from "../host/mod.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { QemuHypervisor, type QemuOptions } from "./qemu/qemu.ts";

/**
 * The hypervisor of this host.
 *
 * @throws {CtrError} `unsupported` where there is none.
 */
export function chooseHypervisor(options: QemuOptions): Hypervisor {
  if (hostSystem() === "linux") return new QemuHypervisor(options);
  throw new CtrError("unsupported", "cannot run VMs: this build has no driver for this system");
}
