/** Entries of disks as a tar archive, in pieces of which each may be waited for. */
import { CtrError, formatSize } from "../core/mod.ts";
import type { Ext4Inode, Ext4Reader } from "../ext4/mod.ts";
import { TAR_END, tarHeader, tarPadding } from "../tar/mod.ts";
import type { PackedEntry } from "./tree_entries.ts";
import { steersOverlay } from "./whiteouts.ts";

const ZEROS = new Uint8Array(1 << 18);

export class TarPacker {
  readonly #layers: readonly Ext4Reader[];
  readonly #maxBytes: number;
  /** First names of inodes with several, by layer and number. */
  readonly #links = new Map<string, string>();
  #bytes = 0;
  entries = 0;

  /** @param maxBytes Of all files together, holes included. */
  constructor(layers: readonly Ext4Reader[], maxBytes: number) {
    this.#layers = layers;
    this.#maxBytes = maxBytes;
  }

  /** The entry's bytes. Each piece is valid until the next one is asked for. */
  *pack({ path, part }: PackedEntry): Generator<Uint8Array> {
    if (part === undefined) {
      yield whiteoutHeader(path);
      this.entries++;
      return;
    }
    const { layer, inode } = part;
    if (inode.type === "socket") return; // an archive has none, and nobody listens
    this.entries++;
    const header = { ...headerOf(inode), path };
    if (inode.type !== "directory" && inode.links > 1) {
      const key = `${layer}:${inode.inode}`;
      const first = this.#links.get(key);
      if (first !== undefined) {
        return yield tarHeader({
          ...header,
          type: "hardlink",
          linkTarget: first,
          xattrs: undefined,
        });
      }
      this.#links.set(key, path);
    }
    const reader = this.#layers[layer]!;
    if (inode.type !== "file") {
      const linkTarget = inode.type === "symlink" ? reader.readLink(inode) : "";
      return yield tarHeader({ ...header, type: inode.type, linkTarget });
    }
    this.#spend(inode.size);
    yield tarHeader({ ...header, type: "file", size: inode.size });
    for (const piece of reader.pieces(inode)) {
      if (typeof piece !== "number") yield piece;
      else yield* zeros(piece);
    }
    yield tarPadding(inode.size);
  }

  end(): Uint8Array {
    return TAR_END;
  }

  #spend(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes <= this.#maxBytes) return;
    throw new CtrError(
      "too-large",
      `the files are larger than ${formatSize(this.#maxBytes)} together`,
    );
  }
}

function headerOf(inode: Ext4Inode) {
  const { mode, uid, gid, mtime, mtimeNs, devMajor, devMinor } = inode;
  return { mode, uid, gid, mtime, mtimeNs, devMajor, devMinor, xattrs: kept(inode.xattrs) };
}

/** What steers the overlay belongs to the disk, and labels of the kernel's own to the machine. */
function kept(
  xattrs: ReadonlyMap<string, Uint8Array>,
): ReadonlyMap<string, Uint8Array> | undefined {
  if (xattrs.size === 0) return undefined;
  const left = [...xattrs].filter(([name]) => !steersOverlay(name) && name !== "security.selinux");
  return left.length > 0 ? new Map(left) : undefined;
}

function whiteoutHeader(path: string): Uint8Array {
  const cut = path.lastIndexOf("/") + 1;
  return tarHeader({ path: `${path.slice(0, cut)}.wh.${path.slice(cut)}`, type: "file", mode: 0 });
}

function* zeros(length: number): Generator<Uint8Array> {
  for (let left = length; left > 0; left -= ZEROS.length) {
    yield left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS;
  }
}
