/**
 * The tree of names while a file system is written. Later paths win: a file replaces a directory with all
 * that is in it, a directory keeps its entries under its new metadata. Parents that nobody named are made.
 * A parent that is a symbolic link is followed, but inside the root only, as in a chroot.
 */
import { CtrError } from "../core/mod.ts";
import type { InodeTable } from "./inode_table.ts";
import { DIRECTORY, MAX_LINKS, ROOT_INODE, SYMLINK, TYPE_MASK } from "./layout.ts";
import { NameTable } from "./name_table.ts";
import { quoted } from "./paths.ts";

const MAX_SYMLINKS = 40; // the kernel's own limit

export class Tree {
  readonly names = new NameTable();
  // The parent of the entry before is mostly the parent of the next.
  #lastParent = "";
  #lastParentInode = ROOT_INODE;

  /** @param onRemoved Told when an inode has lost its last name, before it is forgotten. */
  constructor(readonly inodes: InodeTable, readonly onRemoved: (inode: number) => void) {}

  /** The directory that holds `path`, made if need be, and the name in it. */
  locate(path: string): { readonly parent: number; readonly name: string } {
    const slash = path.lastIndexOf("/");
    if (slash < 0) return { parent: ROOT_INODE, name: path };
    const parentPath = path.slice(0, slash);
    if (parentPath !== this.#lastParent) {
      this.#lastParentInode = this.#walk(ROOT_INODE, parentPath, true, { left: MAX_SYMLINKS });
      this.#lastParent = parentPath;
    }
    return { parent: this.#lastParentInode, name: path.slice(slash + 1) };
  }

  /** The inode at a clean path, 0 if there is none. Parents are followed, the last name is not. */
  lookup(path: string): number {
    if (path === "") return ROOT_INODE;
    const slash = path.lastIndexOf("/");
    const parent = slash < 0
      ? ROOT_INODE
      : this.#walk(ROOT_INODE, path.slice(0, slash), false, { left: MAX_SYMLINKS });
    return parent === 0 ? 0 : this.child(parent, path.slice(slash + 1));
  }

  /** The inode of a name in a directory, 0 if there is none. */
  child(parent: number, name: string): number {
    const entry = this.names.find(parent, name);
    return entry === 0 ? 0 : this.names.inode(entry);
  }

  /** Puts `inode` under a name that is free. */
  link(parent: number, name: string, inode: number): void {
    const entry = this.names.add(parent, name, inode);
    const last = this.inodes.get(parent, "lastChild");
    if (last === 0) this.inodes.set(parent, "firstChild", entry);
    else this.names.setNextSibling(last, entry);
    this.inodes.set(parent, "lastChild", entry);
    const links = this.inodes.get(inode, "links") + 1;
    if (this.inodes.isDirectory(inode)) {
      this.inodes.set(inode, "links", links + 1); // "." is one
      this.inodes.set(inode, "device", parent);
      this.inodes.set(parent, "links", this.inodes.get(parent, "links") + 1);
    } else {
      if (links > MAX_LINKS) {
        throw new CtrError(
          "too-large",
          `write ext4: ${
            quoted(name)
          } would be hard link ${links} of a file, the limit is ${MAX_LINKS}`,
        );
      }
      this.inodes.set(inode, "links", links);
    }
  }

  /** Makes an empty directory that no entry described. */
  makeDirectory(parent: number, name: string): number {
    const inode = this.inodes.add();
    this.inodes.set(inode, "mode", DIRECTORY | 0o755);
    this.link(parent, name, inode);
    return inode;
  }

  /** Removes a name, and below a directory everything. */
  remove(parent: number, name: string): void {
    const entry = this.names.find(parent, name);
    if (entry === 0) return;
    this.#lastParent = "";
    this.#lastParentInode = ROOT_INODE;
    const doomed = [entry];
    for (let e = doomed.pop(); e !== undefined; e = doomed.pop()) {
      const inode = this.names.inode(e);
      if (inode === 0) continue;
      this.names.setInode(e, 0);
      if (this.inodes.isDirectory(inode)) {
        for (let c = this.inodes.get(inode, "firstChild"); c !== 0; c = this.names.nextSibling(c)) {
          doomed.push(c);
        }
        const above = this.names.parent(e);
        // A directory that went before its entries did no longer counts them.
        if (this.inodes.get(above, "mode") !== 0) {
          this.inodes.set(above, "links", this.inodes.get(above, "links") - 1);
        }
        this.onRemoved(inode);
        this.inodes.remove(inode);
        continue;
      }
      const links = this.inodes.get(inode, "links") - 1;
      this.inodes.set(inode, "links", links);
      if (links === 0) {
        this.onRemoved(inode);
        this.inodes.remove(inode);
      }
    }
  }

  #walk(from: number, path: string, make: boolean, hops: { left: number }): number {
    let at = from;
    for (const name of path.split("/")) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        at = at === ROOT_INODE ? at : this.inodes.get(at, "device");
        continue;
      }
      let inode = this.child(at, name);
      const type = inode === 0 ? 0 : this.inodes.get(inode, "mode") & TYPE_MASK;
      if (type === SYMLINK) {
        if (hops.left-- === 0) {
          throw new CtrError(
            "bad-data",
            `write ext4: too many symbolic links lead to ${quoted(path)}`,
          );
        }
        const target = this.inodes.symlinks.get(inode)!;
        inode = this.#walk(target.startsWith("/") ? ROOT_INODE : at, target, make, hops);
      } else if (type !== DIRECTORY) {
        if (!make) return 0;
        if (inode !== 0) this.remove(at, name); // later paths win
        inode = this.makeDirectory(at, name);
      }
      if (inode === 0) return 0;
      at = inode;
    }
    return at;
  }
}
