/** Records and folders after a kill at any moment. */
import type { Log } from "../core/mod.ts";
import type { VolumeFiles } from "./files.ts";
import type { VolumeRecords } from "./records.ts";

/**
 * Makes records and folders agree. A folder with a volume's name is a volume, also when the database was
 * lost; what was being made or removed goes. A record whose folder somebody else has removed stays, because
 * it says what is missing.
 */
export async function sweep(files: VolumeFiles, records: VolumeRecords, log: Log): Promise<void> {
  const folders = await files.list();
  for (const [name, config] of folders) {
    if (config && !records.get(name)) records.put(config);
    await files.settle(name).catch((error) => {
      log.error("end what a kill has interrupted", { volume: name, error });
    });
  }
  for (const { path, removed } of await files.leftovers()) {
    if (removed && !folders.has(removed.name)) records.delete(removed.name);
    await Deno.remove(path, { recursive: true }).catch((error) => {
      log.error("remove what a kill has left", { path, error });
    });
  }
}

/** What `sweep()` would mend, and what it cannot. Sentences. */
export async function findProblems(files: VolumeFiles, records: VolumeRecords): Promise<string[]> {
  const found: string[] = [];
  const folders = await files.list();
  for (const config of records.all()) {
    if (!await files.has(config)) found.push(`volume "${config.name}": its files are gone`);
  }
  for (const [name, config] of folders) {
    if (records.get(name)) continue;
    found.push(
      config
        ? `volume "${name}": it has no record`
        : `"${files.folder(name)}": it does not say which volume it is`,
    );
  }
  for (const { path } of await files.leftovers()) found.push(`"${path}": left by a killed process`);
  return found;
}
