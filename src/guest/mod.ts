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
  FileEvent,
  FreezeScope,
  GuestContainerState,
  GuestExit,
  GuestProcessState,
  GuestStats,
  GuestStep,
  LimitsSpec,
  ListenSpec,
  NetworkSpec,
  OutputEvent,
  OutputPiece,
  PathStat,
  ProcessSpec,
  StartedProcess,
  StreamSpec,
  TopProcess,
} from "./types.ts";
