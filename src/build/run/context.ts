import { join } from "node:path";
import type { Log } from "../../core/mod.ts";
import type { Networks } from "../../network/mod.ts";
import type { ConnectGuest, Hypervisor } from "../../vm/mod.ts";

/** What runs steps needs of a home. */
export interface RunContext {
  readonly home: string;
  readonly hypervisor: Hypervisor;
  readonly connect: ConnectGuest;
  readonly networks: Pick<Networks, "attach" | "plug" | "release" | "searchDomains">;
  readonly log: Log;
  /** Of a VM that nobody gives a size. */
  readonly defaults: () => Promise<{ readonly cpus: number; readonly memoryBytes: number }>;
  /** How programs of other architectures are run; see `routeOf()`. Default `auto`. */
  readonly emulation?: "auto" | "user" | "system" | undefined;
  /** What steps may write together. */
  readonly scratchBytes?: number | undefined;
  /** Told when a VM begins and ends to live. */
  readonly onChange?: (() => void) | undefined;
}

/** Where VMs of builds have their folders; what is there belongs to the engine that lives. */
export function buildsFolder(home: string): string {
  return join(home, "builds");
}

/** Where the disks of cache mounts are. */
export function cachesFolder(home: string): string {
  return join(home, "build-cache");
}
