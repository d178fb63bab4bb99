/**
 * Virtual machines: one interface, its drivers, and the choice between them.
 *
 * @module
 */
export type {
  Architecture,
  Disk,
  Features,
  Finding,
  Hypervisor,
  Nic,
  Share,
  ShareMount,
  Vm,
  VmConfig,
  VmExit,
  VmnetNetwork,
} from "./hypervisor.ts";
export { nicSocket } from "./hypervisor.ts";
export { chooseHypervisor } from "./choose.ts";
export { QemuHypervisor } from "./qemu/qemu.ts";
export type { QemuOptions } from "./qemu/qemu.ts";
export { FakeHypervisor, FakeVm } from "./fake/fake.ts";
export type { FakeOptions } from "./fake/fake.ts";
export { VzHypervisor } from "./vz/vz.ts";
export type { VzOptions } from "./vz/vz.ts";
export { monitorMain } from "./vz/monitor.ts";
