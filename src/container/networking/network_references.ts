import type { ContainerRecords } from "../records.ts";

/** Names of the containers that refer to a network, stopped ones included. */
export function networkReferences(records: ContainerRecords, network: string): string[] {
  return [...records.all()].map(({ config }) => config)
    .filter(({ networks }) => networks.some(({ name }) => name === network))
    .map(({ name }) => name).sort();
}
