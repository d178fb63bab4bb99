import { type Ext4Reader, openExt4 } from "../../ext4/mod.ts";

/** Names that are looked at before others get their turn. */
const AT_ONCE = 1000;

/**
 * Bytes of the files in folders at the root of a disk, which is read as it is: while a VM writes to it, what was
 * written last may be missing.
 *
 * @returns By name; a folder that cannot be read is left out.
 */
export async function folderSizes(
  disk: string,
  folders: readonly string[],
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  let file: Deno.FsFile;
  try {
    file = await Deno.open(disk);
  } catch {
    return sizes;
  }
  try {
    const reader = openExt4(file);
    for (const folder of folders) {
      const bytes = await sizeOf(reader, folder).catch(() => undefined);
      if (bytes !== undefined) sizes.set(folder, bytes);
    }
  } catch {
    // not a sound disk (any more): nothing is known of it
  } finally {
    file.close();
  }
  return sizes;
}

async function sizeOf(reader: Ext4Reader, folder: string): Promise<number | undefined> {
  const top = reader.lookup(folder);
  if (top?.type !== "directory") return undefined;
  const seen = new Set<number>();
  const pending = [top];
  let bytes = 0;
  let looked = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const { inode: number } of reader.list(next)) {
      if (++looked % AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve));
      if (seen.has(number)) continue;
      seen.add(number);
      const inode = reader.inode(number);
      if (inode.type === "directory") pending.push(inode);
      else if (inode.type === "file") bytes += inode.size;
    }
  }
  return bytes;
}
