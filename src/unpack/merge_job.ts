/** Many layer disks into one, in a worker: the same rules as overlayfs, applied once instead of at each boot. */
import { createHash } from "node:crypto";
import { CtrError, formatSize } from "../core/mod.ts";
import {
  type Ext4Entry,
  type Ext4Inode,
  type Ext4Reader,
  Ext4Writer,
  openExt4,
  parseUuid,
} from "../ext4/mod.ts";
import type { MergeJob, Written } from "./protocol.ts";
import { isPrivileged, privilegedLabel } from "./privileged.ts";
import { isWhiteout, type Merged, namesIn, type Part, type Place, resolve } from "./overlay.ts";
import { OPAQUE_VALUE, OPAQUE_XATTR, whiteoutEntry } from "./whiteouts.ts";

export function runMergeJob(job: MergeJob): Written {
  const files: Deno.FsFile[] = [];
  try {
    const layers = job.sources.map((path) => {
      const file = Deno.openSync(path, { read: true });
      files.push(file);
      return openExt4(file);
    });
    const disk = Deno.openSync(job.disk, { write: true });
    files.push(disk);
    const merge = new Merge(layers, disk, job);
    merge.run();
    const uuid = job.uuid === undefined ? uuidOf(layers, job) : parseUuid(job.uuid);
    const label = job.label ?? privilegedLabel(merge.privilegedFiles);
    const { blocks, sizeBytes } = merge.writer.finish(uuid, label);
    disk.syncSync();
    const { entries, privilegedFiles } = merge;
    return { diffId: "", entries, privilegedFiles, blocks, sizeBytes };
  } finally {
    for (const file of files) file.close();
  }
}

class Merge {
  readonly writer: Ext4Writer;
  entries = 0;
  privilegedFiles = 0;
  readonly #layers: readonly Ext4Reader[];
  readonly #job: MergeJob;
  /** Paths of inodes with several names, by layer and number. */
  readonly #links = new Map<string, string>();
  #contentBytes = 0;

  /** @param layers The bottom first. */
  constructor(layers: readonly Ext4Reader[], disk: Deno.FsFile, job: MergeJob) {
    this.#layers = layers;
    this.#job = job;
    this.writer = new Ext4Writer(disk, {
      journal: job.journal,
      ...(job.capacityBytes === undefined ? {} : { capacityBytes: job.capacityBytes }),
    });
  }

  run(): void {
    const root = resolve(
      this.#layers.map((layer, i) => ({ layer: i, inode: layer.root() })).reverse(),
    );
    this.#emitDirectory("", root);
    const pending: Place[] = [{ path: "", parts: root.parts }];
    for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
      for (const [name, parts] of namesIn(this.#layers, place)) {
        const path = place.path === "" ? name : `${place.path}/${name}`;
        if (path.length > 1 << 16) throw new CtrError("bad-data", "a path is too long");
        const merged = resolve(parts);
        const top = merged.parts[0]!;
        if (top.inode.type === "directory") {
          this.#emitDirectory(path, merged);
          pending.push({ path, parts: merged.parts });
        } else if (!isWhiteout(top.inode)) {
          this.#emitFile(path, top);
        } else if (this.#job.keepWhiteouts) {
          this.#count(0);
          this.writer.add(whiteoutEntry(path));
        }
      }
    }
  }

  #emitDirectory(path: string, merged: Merged): void {
    this.#count(0);
    const { inode } = merged.parts[0]!;
    const xattrs = new Map(inode.xattrs);
    if (merged.opaque && this.#job.keepWhiteouts) xattrs.set(OPAQUE_XATTR, OPAQUE_VALUE);
    else xattrs.delete(OPAQUE_XATTR);
    this.writer.add({ ...entryOf(path, inode), xattrs: xattrs.size > 0 ? xattrs : undefined });
  }

  #emitFile(path: string, { layer, inode }: Part): void {
    if (inode.links > 1) {
      const key = `${layer}:${inode.inode}`;
      const first = this.#links.get(key);
      if (first !== undefined) {
        this.#count(0);
        this.writer.add({ ...entryOf(path, inode), type: "hardlink", size: 0, linkTarget: first });
        return;
      }
      this.#links.set(key, path);
    }
    const reader = this.#layers[layer]!;
    const isFile = inode.type === "file";
    if (isPrivileged(inode)) this.privilegedFiles++;
    this.#count(isFile ? inode.size : 0);
    this.writer.add({
      ...entryOf(path, inode),
      size: isFile ? inode.size : 0,
      linkTarget: inode.type === "symlink" ? reader.readLink(inode) : "",
    });
    if (!isFile) return;
    reader.read(inode, {
      data: (bytes) => this.writer.write(bytes),
      hole: (length) => this.writer.hole(length),
    });
  }

  #count(bytes: number): void {
    const { maxEntries, maxContentBytes } = this.#job.limits;
    if (++this.entries > maxEntries) {
      throw new CtrError("too-large", `the layers have more than ${maxEntries} entries`);
    }
    if ((this.#contentBytes += bytes) > maxContentBytes) {
      throw new CtrError(
        "too-large",
        `the files are larger than ${formatSize(maxContentBytes)} together`,
      );
    }
  }
}

function entryOf(path: string, inode: Ext4Inode): Ext4Entry {
  const { type, mode, uid, gid, mtime, mtimeNs, atime, atimeNs, devMajor, devMinor, xattrs } =
    inode;
  const accessed = atime !== mtime || atimeNs !== mtimeNs;
  return {
    path,
    type,
    mode,
    uid,
    gid,
    size: 0,
    mtime,
    mtimeNs,
    atime: accessed ? atime : undefined,
    atimeNs,
    linkTarget: "",
    devMajor,
    devMinor,
    xattrs: xattrs.size > 0 ? xattrs : undefined,
  };
}

/** Same layers in the same order, same UUID. */
function uuidOf(layers: readonly Ext4Reader[], job: MergeJob): Uint8Array {
  const hash = createHash("sha256").update(job.keepWhiteouts ? "kept" : "applied");
  for (const layer of layers) hash.update(layer.superblock.uuid);
  return hash.digest().subarray(0, 16);
}
