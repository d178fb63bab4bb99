import { type Ext4Inode, openExt4 } from "../ext4/mod.ts";

/** Where distributions have it; the older ones have a folder `/lib` of its own. */
const SYSTEMD = ["usr/lib/systemd/systemd", "lib/systemd/systemd"];

/**
 * The path of systemd in an image, if it has it.
 *
 * @param layers Its disks, bottom first. The topmost that says something about a path counts.
 */
export async function findSystemd(layers: readonly string[]): Promise<string | undefined> {
  for (const path of SYSTEMD) {
    for (const layer of layers.toReversed()) {
      using file = await Deno.open(layer, { read: true });
      const found = lookUp(file, path);
      if (found?.type === "file") return `/${path}`;
      if (found) break; // a whiteout, or a link, which leads to the other path
    }
  }
  return undefined;
}

function lookUp(file: Deno.FsFile, path: string): Ext4Inode | undefined {
  const reader = openExt4(file);
  let at: Ext4Inode | undefined = reader.root();
  for (const name of path.split("/")) {
    if (at?.type !== "directory") return at; // hidden or linked on the way
    at = reader.child(at, name);
  }
  return at;
}
