import type { Machine } from "../api/mod.ts";

/** What templates may name beside the JSON's own keys. */
export function machineFields(machine: Machine): Readonly<Record<string, unknown>> {
  return {
    ID: machine.id,
    Name: machine.id,
    Image: machine.image.reference,
    State: machine.state,
    IP: machine.ipAddress ?? "",
    CPUs: machine.resources.cpus,
    Memory: machine.resources.memoryInBytes,
    Default: machine.default,
    ...machine,
  };
}
