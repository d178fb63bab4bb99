import type { Volume } from "../api/mod.ts";
import { bytesOf, type FileBytes, folderBytes } from "../core/mod.ts";
import type { VolumeFiles } from "./files.ts";
import type { VolumeConfig, VolumeUser } from "./types.ts";

/** A volume as `ls` and `inspect` show it. */
export async function describe(
  files: VolumeFiles,
  config: VolumeConfig,
  users: readonly VolumeUser[],
): Promise<Volume> {
  const { name, type, labels, options, createdAt } = config;
  const { allocated, logical } = await measure(files, config);
  return {
    id: name,
    configuration: {
      name,
      type,
      driver: "local",
      format: type === "block" ? "ext4" : "folder",
      source: files.source(config),
      creationDate: createdAt,
      labels: { ...labels },
      options: { ...options },
      ...(type === "block" && { sizeInBytes: logical }),
    },
    status: { allocatedBytes: allocated, usedBy: users.map((user) => user.name).sort() },
  };
}

/** Nothing for what is not there. */
export async function measure(files: VolumeFiles, config: VolumeConfig): Promise<FileBytes> {
  if (config.type === "shared") return await folderBytes(files.data(config.name));
  try {
    return bytesOf(await Deno.stat(files.disk(config.name)));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { allocated: 0, logical: config.sizeBytes ?? 0 };
  }
}
