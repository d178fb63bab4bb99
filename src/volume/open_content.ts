import { CtrError } from "../core/mod.ts";
import type { VolumeFiles } from "./files.ts";
import { mountOptions } from "./options.ts";
import type { AttachedVolume, VolumeConfig } from "./types.ts";

/** What a VM is given of a volume that it has taken. @throws {CtrError} `bad-data` if it is not there. */
export async function openContent(
  files: VolumeFiles,
  config: VolumeConfig,
  readonly: boolean,
): Promise<AttachedVolume> {
  if (!await files.has(config)) {
    throw new CtrError("bad-data", `cannot use volume "${config.name}": its files are gone`, {
      hint: `see "ctr system check"; remove the record with: ctr volume rm ${config.name}`,
    });
  }
  const path = files.source(config);
  if (config.type === "shared") return { kind: "share", share: { path, readonly } };
  // Several may read it, so none of them may be the one that replays its journal.
  if (readonly) await (await import("./disk.ts")).recover(path);
  return { kind: "disk", disk: { path, readonly }, options: mountOptions(config, readonly) };
}
