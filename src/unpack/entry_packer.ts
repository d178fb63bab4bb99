/** Entries of a plan as a tar archive, files read from the host, from disks or from memory. */
import { CtrError } from "../core/mod.ts";
import type { Ext4Reader } from "../ext4/mod.ts";
import { TAR_END, tarHeader, tarPadding, textOf } from "../tar/mod.ts";
import type { LayerEntry } from "./layer_content.ts";
import type { LayerStream } from "./layer_stream.ts";
import { steersOverlay } from "./whiteouts.ts";

const ZEROS = new Uint8Array(1 << 18);

export class EntryPacker {
  readonly #stream: LayerStream;
  readonly #disks: readonly Ext4Reader[];

  constructor(stream: LayerStream, disks: readonly Ext4Reader[]) {
    this.#stream = stream;
    this.#disks = disks;
  }

  /** @returns What to wait for, or undefined. */
  pack(entry: LayerEntry): Promise<void> | undefined {
    if (entry.type === "whiteout" || entry.type === "opaque") {
      return this.#stream.put(mark(entry.path, entry.type));
    }
    const { path, type, mode, uid, gid, mtime, devMajor = 0, devMinor = 0 } = entry;
    const wait = this.#stream.put(tarHeader({
      path: path === "" ? "./" : path,
      type,
      mode,
      uid,
      gid,
      mtime,
      size: type === "file" ? entry.size : 0,
      linkTarget: entry.linkTarget ?? "",
      devMajor,
      devMinor,
      xattrs: type === "hardlink" ? undefined : kept(entry.xattrs),
    }));
    if (type !== "file" || entry.size === 0) return wait;
    return this.#content(entry, wait);
  }

  async end(): Promise<void> {
    await this.#stream.put(TAR_END);
  }

  async #content(entry: LayerEntry, before: Promise<void> | undefined): Promise<void> {
    if (before) await before;
    const { content } = entry;
    if (content === undefined) throw new TypeError("a file has no content");
    if (content.from === "bytes") await this.#stream.put(content.bytes);
    else if (content.from === "host") await this.#fromHost(entry, content.path, content.inode);
    else await this.#fromDisk(content.disk, content.inode, entry);
    await this.#stream.put(tarPadding(entry.size));
  }

  async #fromHost(entry: LayerEntry, path: string, inode: number | undefined): Promise<void> {
    const file = Deno.openSync(path, { read: true });
    try {
      const { isFile, ino, size } = file.statSync();
      if (!isFile || size !== entry.size || (inode !== undefined && ino !== inode)) {
        throw changed(entry.path);
      }
      for (let left = entry.size; left > 0;) {
        const room = this.#stream.room();
        const got = file.readSync(left < room.length ? room.subarray(0, left) : room);
        if (got === null) throw changed(entry.path);
        left -= got;
        const wait = this.#stream.filled(got);
        if (wait) await wait;
      }
    } finally {
      file.close();
    }
  }

  async #fromDisk(disk: number, number: number, entry: LayerEntry): Promise<void> {
    const reader = this.#disks[disk]!;
    const inode = reader.inode(number);
    if (inode.size !== entry.size) throw changed(entry.path);
    for (const piece of reader.pieces(inode)) {
      if (typeof piece !== "number") {
        const wait = this.#stream.put(piece);
        if (wait) await wait;
        continue;
      }
      for (let left = piece; left > 0; left -= ZEROS.length) {
        const wait = this.#stream.put(left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS);
        if (wait) await wait;
      }
    }
  }
}

function mark(path: string, type: "whiteout" | "opaque"): Uint8Array {
  const cut = path.lastIndexOf("/") + 1;
  const name = type === "whiteout"
    ? `${path.slice(0, cut)}.wh.${path.slice(cut)}`
    : `${path === "" ? "" : `${path}/`}.wh..wh..opq`;
  return tarHeader({ path: name, type: "file", mode: 0 });
}

function kept(
  xattrs: ReadonlyMap<string, Uint8Array> | undefined,
): ReadonlyMap<string, Uint8Array> | undefined {
  if (xattrs === undefined || xattrs.size === 0) return undefined;
  const left = [...xattrs].filter(([name]) => !steersOverlay(name) && name !== "security.selinux");
  return left.length > 0 ? new Map(left) : undefined;
}

function changed(path: string): CtrError {
  return new CtrError("bad-data", `${JSON.stringify(textOf(path))} changed while it was read`);
}
