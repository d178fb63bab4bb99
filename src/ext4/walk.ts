/** Every name of a disk, parents first, without recursion of the stack and without trusting the tree. */
import { badImage } from "./image.ts";
import { ROOT_INODE } from "./layout.ts";
import type { Ext4Inode, Ext4Reader } from "./reader.ts";

export interface WalkedEntry {
  /** Clean and relative; the root is the empty string. */
  readonly path: string;
  readonly inode: Ext4Inode;
}

/**
 * Walks the tree, names in byte order.
 *
 * @throws {CtrError} `bad-data` if a directory is found twice, or there are more names than inodes allow.
 */
export function* walkExt4(reader: Ext4Reader): Generator<WalkedEntry> {
  const seen = new Set<number>();
  const pending: { path: string; number: number }[] = [{ path: "", number: ROOT_INODE }];
  const most = reader.superblock.inodes * 4 + 65_000; // hard links have names of their own
  let count = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const inode = reader.inode(next.number);
    yield { path: next.path, inode };
    if (inode.type !== "directory") continue;
    if (seen.has(inode.inode)) throw badImage("a directory has two names");
    seen.add(inode.inode);
    const names = reader.list(inode);
    if ((count += names.length) > most) throw badImage("it has too many names");
    names.sort((a, b) => a.name < b.name ? 1 : -1);
    for (const { name, inode: number } of names) {
      const path = next.path === "" ? name : `${next.path}/${name}`;
      if (path.length > 1 << 16) throw badImage("a path is too long");
      pending.push({ path, number });
    }
  }
}
