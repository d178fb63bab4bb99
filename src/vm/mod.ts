/**
 * One VM: what it boots from, its disks and devices, its guest's answer, its end.
 *
 * @module
 */
export {
  adoptVm,
  bootVm,
  discardVm,
  GUEST_OVERHEAD_BYTES,
  layerSerials,
  UPPER_SERIAL,
} from "./boot_vm.ts";
export type { Boot, BootRequest } from "./boot_vm.ts";
export { connectGuestOf } from "./connect_guest.ts";
export { DEFAULT_CAPABILITIES, MASKED_PATHS, READONLY_PATHS } from "./confinement.ts";
export { findGuestAssets } from "./guest_assets.ts";
export type { GuestAssets } from "./guest_assets.ts";
export type { Architecture, Hypervisor } from "../hypervisor/mod.ts";
export { ProcessInput } from "./process_input.ts";
export { relay } from "./relay.ts";
export { GUEST_PORT, RunningVm } from "./running_vm.ts";
export type { ConnectGuest } from "./running_vm.ts";
export { named, now, Stopwatch } from "./stopwatch.ts";
export type {
  Accepted,
  EmulatorSpec,
  FileEvent,
  FreezeScope,
  Guest,
  GuestContainerState,
  GuestExit,
  GuestProcess,
  GuestProcessState,
  GuestStats,
  GuestStep,
  InputPiece,
  LimitsSpec,
  ListenSpec,
  LowerSpec,
  MountSpec,
  OutputEvent,
  OutputPiece,
  PathStat,
  RootfsSpec,
  StartContainer,
  StartedProcess,
  StreamSpec,
  TopProcess,
} from "./guest.ts";
