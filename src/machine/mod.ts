/**
 * Machines: containers with a disk of their own as root, in which their user is who they are on the host.
 *
 * @module
 */
export { Machines } from "./machines.ts";
export type { MachinesOptions } from "./machines.ts";
export type {
  ContainerChange,
  ImageOf,
  MachineContainer,
  MachineContainers,
  PublishedPort,
  PublishPorts,
} from "./types.ts";
