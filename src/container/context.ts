import { join } from "node:path";
import type { Events } from "../api/mod.ts";
import type { Log } from "../core/mod.ts";
import type { Images } from "../image/mod.ts";
import type { ConnectGuest, Hypervisor } from "../vm/mod.ts";
import type { VolumeStore } from "../volume/mod.ts";
import type { LogLimits } from "./log_writer.ts";
import type { Defaults } from "./merge.ts";
import type { NetworkStore } from "./networking/join.ts";
import type { ContainerRecords } from "./records.ts";

/** What every container of a home needs. */
export interface Context {
  readonly home: string;
  readonly records: ContainerRecords;
  readonly images: Pick<Images, "resolveForRun" | "resolveManifest">;
  readonly volumes: VolumeStore;
  readonly networks: NetworkStore;
  readonly hypervisor: Hypervisor;
  readonly connect: ConnectGuest;
  readonly log: Log;
  readonly logLimits: LogLimits;
  readonly defaults: () => Promise<Defaults>;
  /** Folders of each bind mount in which changes by the host are told to the guest; 0: none. */
  readonly watchFolders: number;
  /** Capacity of a container's writable disk. Default `UPPER_BYTES`. */
  readonly diskBytes?: number | undefined;
  /** Called after each start, end and removal. */
  readonly onChange: () => void;
  readonly events: Events;
}

/** The files of one container. */
export interface Folders {
  readonly root: string;
  readonly upper: string;
  /** There while its VM lives, or is not known to be gone. */
  readonly vm: string;
  readonly logs: string;
  readonly console: string;
}

export function containersFolder(home: string): string {
  return join(home, "containers");
}

export function foldersOf(home: string, id: string): Folders {
  const root = join(containersFolder(home), id);
  const logs = join(root, "logs");
  return {
    root,
    upper: join(root, "upper.ext4"),
    vm: join(root, "vm"),
    logs,
    console: join(logs, "boot.log"),
  };
}

export async function removeFolder(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
