/**
 * Layers remove by names: `.wh.x` removes `x`, `.wh..wh..opq` all that lower layers have in a directory.
 * overlayfs, which puts the disks together, wants a 0/0 character device and an attribute instead.
 *
 * A mark concerns lower layers alone, wherever in the archive it stands: what the same layer has under the
 * name stays, and if that is a directory it is opaque, so that nothing shines through.
 *
 * @see https://github.com/opencontainers/image-spec/blob/main/layer.md "Whiteouts"
 * @see https://docs.kernel.org/filesystems/overlayfs.html "whiteouts and opaque directories"
 */
import { CtrError } from "../core/mod.ts";
import { cleanPath, type Ext4Entry, type Ext4Writer } from "../ext4/mod.ts";

const PREFIX = ".wh.";
const OPAQUE_NAME = ".wh..wh..opq";
export const OPAQUE_XATTR = "trusted.overlay.opaque";
export const OPAQUE_VALUE: Uint8Array = Uint8Array.of(0x79); // "y"

type Target = Pick<Ext4Writer, "add" | "typeAt" | "setDirectoryXattr">;

export class Whiteouts {
  readonly #disk: Target;
  readonly #removed = new Set<string>();
  readonly #opaque = new Set<string>();

  constructor(disk: Target) {
    this.#disk = disk;
  }

  /**
   * Takes an entry that is a mark.
   *
   * @returns False if it is an ordinary one.
   * @throws {CtrError} `bad-data` if the mark names nothing that can be removed.
   */
  take(entry: Ext4Entry): boolean {
    const slash = entry.path.lastIndexOf("/");
    if (!entry.path.startsWith(PREFIX, slash + 1)) return false;
    const path = cleanPath(entry.path);
    const cut = path.lastIndexOf("/") + 1;
    const folder = path.slice(0, Math.max(0, cut - 1));
    const name = path.slice(cut);
    if (name === OPAQUE_NAME) {
      this.#opaque.add(folder);
      return true;
    }
    const victim = name.slice(PREFIX.length);
    if (victim.startsWith(PREFIX)) return true; // .wh..wh.plnk and the like: AUFS's own bookkeeping
    if (victim === "" || victim === "." || victim === "..") {
      throw new CtrError(
        "bad-data",
        `unpack: the whiteout ${JSON.stringify(name)} removes nothing`,
      );
    }
    this.#removed.add(path.slice(0, cut) + victim);
    return true;
  }

  /** Puts all marks on the disk. Call once, when all entries are there. */
  finish(): void {
    for (const path of this.#removed) {
      const type = this.#disk.typeAt(path);
      if (type === undefined) this.#disk.add(whiteoutEntry(path));
      else if (type === "directory") this.#opaque.add(path);
    }
    for (const path of this.#opaque) {
      this.#disk.setDirectoryXattr(path, OPAQUE_XATTR, OPAQUE_VALUE);
    }
  }
}

/** The character device that overlayfs takes for a removal. */
export function whiteoutEntry(path: string): Ext4Entry {
  return {
    path,
    type: "char",
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
    mtimeNs: 0,
    linkTarget: "",
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
  };
}

/** True for attributes by which overlayfs steers itself: an archive must not set them. */
export function steersOverlay(name: string): boolean {
  return name.startsWith("trusted.overlay.") || name.startsWith("user.overlay.");
}
