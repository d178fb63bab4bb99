import { join } from "node:path";
import { findDaemon, killDaemon } from "../host/mod.ts";

const END_MS = 5000;

/** A folder of a network that nobody knows, perhaps with a process that lives. */
export interface Stranger {
  readonly name: string;
  /** Ends the process and removes the folder. */
  readonly end: () => Promise<void>;
}

/** @param folder With a folder for each network. @param known Names of networks. */
export async function findStrangers(
  folder: string,
  known: readonly string[],
): Promise<Stranger[]> {
  const found: Stranger[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (!known.includes(name)) found.push({ name, end: () => end(join(folder, name)) });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found;
}

async function end(folder: string): Promise<void> {
  const daemon = await findDaemon(folder, "netd");
  if (daemon) await killDaemon(daemon, END_MS);
  await Deno.remove(folder, { recursive: true });
}
