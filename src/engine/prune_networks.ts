import { DEFAULT_NETWORK, type Networks } from "../network/mod.ts";
import { labelTest } from "./label_test.ts";

/**
 * Removes what no container refers to. The built-in one stays.
 *
 * @param references Names of the containers that refer to a network.
 * @returns The names.
 */
export async function pruneNetworks(
  networks: Networks,
  references: (network: string) => readonly string[],
  filters: readonly string[],
): Promise<string[]> {
  const fits = labelTest(filters);
  const removed: string[] = [];
  for (const { name, labels } of networks.list()) {
    if (name === DEFAULT_NETWORK || references(name).length > 0 || !fits(labels)) continue;
    await networks.remove(name);
    removed.push(name);
  }
  return removed;
}
