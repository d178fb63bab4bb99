/** What files cost, and what they say they are: disks are sparse. */
export interface FileBytes {
  /** What the host's file system has allocated. */
  readonly allocated: number;
  readonly logical: number;
}

export function bytesOf({ size, blocks }: Deno.FileInfo): FileBytes {
  return { allocated: blocks === null ? size : blocks * 512, logical: size };
}

/** All that is in a folder. What has several names counts once, what is not there not at all. */
export async function folderBytes(
  folder: string,
  seen: Set<string> = new Set(),
): Promise<FileBytes> {
  let allocated = 0;
  let logical = 0;
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      const info = await Deno.lstat(path);
      if (!isDirectory && (info.nlink ?? 1) > 1) {
        const identity = `${info.dev}:${info.ino}`;
        if (seen.has(identity)) continue;
        seen.add(identity);
      }
      const own = bytesOf(info);
      const below = isDirectory ? await folderBytes(path, seen) : undefined;
      allocated += own.allocated + (below?.allocated ?? 0);
      logical += below?.logical ?? own.logical;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error; // removed meanwhile
  }
  return { allocated, logical };
}
