import type { Share } from "../hypervisor.ts";
import {
  findShares,
  type FoundShare,
  linkSingleFile,
  removeShareRoot,
  shareRoot,
} from "../single_file.ts";

/** What the framework gets: folders alone, so a single file lies in a folder of its own. */
export async function beginSharing(
  folder: string,
  shares: readonly Share[],
): Promise<{ found: FoundShare[]; folders: { tag: string; path: string; readonly: boolean }[] }> {
  const found = await findShares(shares);
  const folders = [];
  for (const share of found) {
    const { tag, path, readonly, single, at } = share;
    if (single) {
      await linkSingleFile(share, folder, {
        fact: `a single file must be on the file system of "${folder}"`,
        hint: "share the folder that it is in",
      });
    }
    folders.push({ tag, path: single ? shareRoot(folder, at) : path, readonly });
  }
  return { found, folders };
}

/** Removes what single files left. */
export async function endSharing(folder: string, count: number): Promise<void> {
  for (let at = 0; at < count; at++) await removeShareRoot(folder, at);
}
