import { join } from "node:path";
import { writeFileAtomic } from "../core/mod.ts";
import type { Folders } from "./context.ts";
import type { ContainerConfig } from "./types.ts";

/** Writes what a container was created with beside its files, for people and other tools to read. */
export async function writeConfigFile(folders: Folders, config: ContainerConfig): Promise<void> {
  await writeFileAtomic(path(folders), text(config));
}

/** Mends the file of a container whose engine was killed between its record and this. */
export async function configFileIsRight(folders: Folders, config: ContainerConfig): Promise<void> {
  const there = await Deno.readTextFile(path(folders)).catch(() => undefined);
  if (there === text(config)) return;
  await writeConfigFile(folders, config).catch(() => {}); // the record is what counts
}

function path({ root }: Folders): string {
  return join(root, "config.json");
}

function text(config: ContainerConfig): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}
