/**
 * The typed client of `vminitd`, PID 1 of every guest. The guest is not trusted: whatever it sends is
 * bounded and checked before it gets out of here.
 *
 * @module
 */
export { connectGuest, GuestClient, MAX_INPUT_BYTES } from "./client.ts";
export type { ConnectOptions } from "./client.ts";
export type {
  Accepted,
  ContainerSpec,
  EmulatorSpec,
  FileEvent,
  FreezeScope,
  GuestContainerState,
  GuestExit,
  GuestProcessState,
  GuestStats,
  GuestStep,
  LimitsSpec,
  ListenSpec,
  LowerSpec,
  MountSpec,
  NetworkSpec,
  OutputEvent,
  OutputPiece,
  PathStat,
  ProcessSpec,
  RootfsSpec,
  StartedProcess,
  StreamSpec,
  TopProcess,
} from "./types.ts";
