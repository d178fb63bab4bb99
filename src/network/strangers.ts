import { join } from "node:path";
import { findDaemon, killDaemon } from "../host/mod.ts";
import { bridgeName, bridgesOfHome, removeBridges } from "./kernel_bridge.ts";

const END_MS = 5000;

/** What is left of a network, and nobody knows it. */
export interface Stranger {
  /** A sentence about it. */
  readonly text: string;
  /** Ends and removes it. */
  readonly end: () => Promise<void>;
}

/** Bridges of the kernel's. @param running Names of the networks whose process lives. */
export function leftBridges(home: string, running: readonly string[]): Stranger[] {
  const needed = new Set(running.map((network) => bridgeName(home, network)));
  return bridgesOfHome(home).filter((name) => !needed.has(name)).map((name) => ({
    text: `bridge "${name}": it is left of a network that does not run`,
    end: () => removeBridges([name]),
  }));
}

/** Folders of networks, perhaps with a process that lives. @param folder With a folder for each network. @param known Names of networks. */
export async function findStrangers(
  folder: string,
  known: readonly string[],
): Promise<Stranger[]> {
  const found: Stranger[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (known.includes(name)) continue;
      found.push({
        text: `network "${name}": its process or folder is left and nobody knows it`,
        end: () => end(join(folder, name)),
      });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found;
}

async function end(folder: string): Promise<void> {
  const daemon = await findDaemon(folder, "netd");
  if (daemon) await killDaemon(daemon, END_MS);
  await removeFolder(folder);
}

export async function removeFolder(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}
