/**
 * Writes a file system in one pass: content goes to the disk as it comes, and what must be known first
 * (directories, inodes, bitmaps) is kept in memory and written at the end.
 */
import { CtrError } from "../core/mod.ts";
import { BlockOutput, type OutputFile } from "./block_output.ts";
import { ContentWriter } from "./content.ts";
import { DirectoryWriter, putEmptyLeaf } from "./directories.ts";
import type { Ext4Entry, Ext4Summary, Ext4Type, Ext4WriterOptions } from "./entry.ts";
import { inlineExtents } from "./extents.ts";
import { planGroups, writeGroups } from "./groups.ts";
import { encodeDevice, InodeTable } from "./inode_table.ts";
import * as layout from "./layout.ts";
import {
  BLOCK_SIZE,
  BLOCKS_PER_GROUP,
  DIRECTORY,
  JOURNAL_INODE,
  REGULAR,
  ROOT_INODE,
} from "./layout.ts";
import { cleanPath, quoted } from "./paths.ts";
import { encodeJournal, encodeSuperblock, hashSeedOf, SUPERBLOCK_OFFSET } from "./superblock.ts";
import { Tree } from "./tree.ts";
import { inlineXattrs, putXattrBlock, toAttributes } from "./xattrs.ts";

const ROOM_GROUPS = 2048; // 256 GiB of content before the room for descriptors is full
const BYTES_PER_INODE = 16_384;
const MODES: Readonly<Record<Exclude<Ext4Type, "hardlink">, number>> = {
  file: layout.REGULAR,
  symlink: layout.SYMLINK,
  char: layout.CHAR,
  block: layout.BLOCK_DEVICE,
  directory: layout.DIRECTORY,
  fifo: layout.FIFO,
  socket: layout.SOCKET,
};

/**
 * Writes an ext4 file system to `file`, which must be empty, seekable and open for writing.
 *
 * Call `add` per entry and, after a file's, `write` and `hole` until `size` bytes are there; then `finish`.
 * Same calls, same bytes.
 */
export class Ext4Writer {
  readonly #options: Ext4WriterOptions;
  readonly #inodes = new InodeTable(layout.FIRST_INODE - 1);
  readonly #output: BlockOutput;
  readonly #content: ContentWriter;
  readonly #tree: Tree;
  /** Runs of blocks that lost their file: start and end. */
  readonly #freed: [number, number][] = [];
  readonly #directoryXattrs = new Map<number, Map<string, Uint8Array>>();
  readonly #maxGroups: number;
  readonly #capacityBlocks: number;
  readonly #firstBlock: number;

  constructor(file: OutputFile, options: Ext4WriterOptions = {}) {
    this.#options = options;
    this.#capacityBlocks = Math.floor((options.capacityBytes ?? 0) / BLOCK_SIZE);
    this.#maxGroups = Math.max(ROOM_GROUPS, Math.ceil(this.#capacityBlocks / BLOCKS_PER_GROUP));
    this.#output = new BlockOutput(file);
    this.#content = new ContentWriter(this.#inodes, this.#output);
    this.#tree = new Tree(this.#inodes, (inode) => this.#free(inode));
    this.#firstBlock = 1 + Math.ceil(this.#maxGroups / layout.DESCRIPTORS_PER_BLOCK);
    this.#output.skipTo(this.#firstBlock);
    this.#inodes.set(ROOT_INODE, "mode", DIRECTORY | 0o755);
    this.#inodes.set(ROOT_INODE, "links", 2);
    this.#inodes.set(ROOT_INODE, "device", ROOT_INODE);
    if (options.lostAndFound ?? options.journal) {
      const inode = this.#tree.makeDirectory(ROOT_INODE, "lost+found");
      this.#inodes.set(inode, "mode", DIRECTORY | 0o700);
    }
  }

  /**
   * Adds an entry in archive order.
   *
   * @throws {CtrError} `bad-data` if its path leaves the root, a hard link's target is missing or a
   *   directory, or a name is too long; `too-large` if xattrs or links pass what ext4 holds.
   */
  add(entry: Ext4Entry): void {
    if (this.#content.left > 0) throw new TypeError("the file before is not complete");
    const path = cleanPath(entry.path);
    if (path === "") {
      if (entry.type !== "directory") {
        throw new CtrError("bad-data", `write ext4: the root would be a ${entry.type}`);
      }
      this.#describe(ROOT_INODE, entry);
      return;
    }
    if (entry.type === "hardlink") return this.#addHardLink(path, entry);
    const { parent, name } = this.#tree.locate(path);
    const existing = this.#tree.child(parent, name);
    if (existing !== 0) {
      if (entry.type === "directory" && this.#inodes.isDirectory(existing)) {
        this.#describe(existing, entry);
        return;
      }
      this.#tree.remove(parent, name);
    }
    const inode = this.#inodes.add();
    this.#inodes.set(inode, "mode", MODES[entry.type]);
    this.#tree.link(parent, name, inode);
    this.#describe(inode, entry);
    this.#fill(inode, entry);
  }

  /** Content of the file that was added last. */
  write(bytes: Uint8Array): void {
    if (bytes.length > this.#content.left) {
      throw new TypeError("more content than the entry's size");
    }
    if (bytes.length > 0) this.#content.write(bytes);
  }

  /** So many zeros, as content of the file that was added last. */
  hole(length: number): void {
    if (length > this.#content.left) throw new TypeError("more content than the entry's size");
    if (length > 0) this.#content.hole(length);
  }

  /** What is at a path now. */
  typeAt(path: string): Exclude<Ext4Type, "hardlink"> | undefined {
    const inode = this.#tree.lookup(cleanPath(path));
    if (inode === 0) return undefined;
    const bits = this.#inodes.get(inode, "mode") & layout.TYPE_MASK;
    return (Object.keys(MODES) as (keyof typeof MODES)[]).find((type) => MODES[type] === bits);
  }

  /** Sets one attribute of a directory, which is made if it is missing. Others stay. */
  setDirectoryXattr(path: string, name: string, value: Uint8Array): void {
    const clean = cleanPath(path);
    let inode = ROOT_INODE;
    if (clean !== "") {
      const place = this.#tree.locate(clean);
      inode = this.#tree.child(place.parent, place.name) ||
        this.#tree.makeDirectory(place.parent, place.name);
    }
    if (!this.#inodes.isDirectory(inode)) {
      throw new CtrError("bad-data", `write ext4: ${quoted(path)} is not a directory`);
    }
    const xattrs = this.#directoryXattrs.get(inode) ?? new Map<string, Uint8Array>();
    this.#directoryXattrs.set(inode, xattrs.set(name, value));
  }

  /**
   * Writes all that is left. The caller flushes and closes the file.
   *
   * @param uuid 16 bytes, which also seed the order of large directories.
   * @param label At most 16 bytes. Default: the option of that name.
   * @throws {CtrError} `no-space` if the content does not fit the capacity.
   */
  finish(uuid: Uint8Array, label = this.#options.label ?? ""): Ext4Summary {
    if (this.#content.left > 0) throw new TypeError("the last file is not complete");
    const output = this.#output;
    for (const [inode, xattrs] of this.#directoryXattrs) this.#putXattrs(inode, xattrs);
    this.#writeDirectories(uuid);
    const journal = this.#writeJournal(uuid);
    const spare = Math.floor(this.#capacityBlocks * BLOCK_SIZE / BYTES_PER_INODE);
    const plan = planGroups(
      output.block,
      Math.max(this.#inodes.last, spare, 16),
      this.#capacityBlocks,
      this.#maxGroups,
    );
    if (this.#capacityBlocks > 0 && plan.blocks > this.#capacityBlocks) {
      throw new CtrError(
        "no-space",
        `write ext4: the content needs ${plan.blocks * BLOCK_SIZE} bytes, the disk has ` +
          `${this.#capacityBlocks * BLOCK_SIZE}`,
      );
    }
    const descriptorBlocks = Math.ceil(plan.groups / layout.DESCRIPTORS_PER_BLOCK);
    const free = mergedRuns([
      [1 + descriptorBlocks, this.#firstBlock],
      ...this.#freed,
      [plan.end, plan.blocks],
    ]);
    const { descriptors, freeBlocks, freeInodes } = writeGroups(plan, this.#inodes, free, output);
    output.skipTo(1);
    output.append(descriptors);
    output.skipTo(0);
    output.take(1).set(
      encodeSuperblock({
        blocks: plan.blocks,
        freeBlocks,
        inodesPerGroup: plan.inodesPerGroup,
        groups: plan.groups,
        freeInodes,
        uuid,
        label,
        journal,
      }),
      SUPERBLOCK_OFFSET,
    );
    output.finish(plan.blocks);
    return {
      blocks: plan.blocks - freeBlocks,
      inodes: plan.inodesPerGroup * plan.groups - freeInodes - (layout.FIRST_INODE - 1),
      sizeBytes: plan.blocks * BLOCK_SIZE,
    };
  }

  #addHardLink(path: string, entry: Ext4Entry): void {
    const target = this.#tree.lookup(cleanPath(entry.linkTarget));
    const fact = target === 0
      ? "does not exist"
      : this.#inodes.isDirectory(target)
      ? "is a directory"
      : "";
    if (fact !== "") {
      throw new CtrError(
        "bad-data",
        `write ext4: ${quoted(path)} is a hard link to ${quoted(entry.linkTarget)}, which ${fact}`,
      );
    }
    const { parent, name } = this.#tree.locate(path);
    const existing = this.#tree.child(parent, name);
    if (existing === target) return;
    // Removing what is in the way may remove the target with it.
    if (existing !== 0) this.#tree.remove(parent, name);
    if (this.#inodes.get(target, "mode") === 0) {
      throw new CtrError("bad-data", `write ext4: ${quoted(path)} is a hard link into itself`);
    }
    this.#tree.link(parent, name, target);
  }

  /** Notes owner, mode, times and attributes. */
  #describe(inode: number, entry: Ext4Entry): void {
    const table = this.#inodes;
    table.set(inode, "mode", table.get(inode, "mode") & layout.TYPE_MASK | entry.mode & 0o7777);
    table.set(inode, "uid", entry.uid);
    table.set(inode, "gid", entry.gid);
    table.setNumber(inode, "mtime", entry.mtime);
    table.set(inode, "mtimeNs", entry.mtimeNs);
    if (entry.atime !== undefined) table.atimes.set(inode, [entry.atime, entry.atimeNs ?? 0]);
    else table.atimes.delete(inode);
    if (table.isDirectory(inode)) {
      if (entry.xattrs) this.#directoryXattrs.set(inode, new Map(entry.xattrs));
      else this.#directoryXattrs.delete(inode);
    } else if (entry.xattrs) {
      this.#putXattrs(inode, entry.xattrs);
    }
  }

  #fill(inode: number, entry: Ext4Entry): void {
    const table = this.#inodes;
    if (entry.type === "file") {
      table.setNumber(inode, "size", entry.size);
      if (entry.size > 0) this.#content.begin(inode, entry.size);
    } else if (entry.type === "symlink") {
      const target = entry.linkTarget;
      if (target.length === 0 || target.length >= BLOCK_SIZE) {
        throw new CtrError(
          "bad-data",
          `write ext4: the target of ${quoted(entry.path)} has ${target.length} bytes, not 1 to ${
            BLOCK_SIZE - 1
          }`,
        );
      }
      table.setNumber(inode, "size", target.length);
      table.symlinks.set(inode, target);
      if (target.length < 60) return;
      table.set(inode, "firstBlock", this.#output.block);
      table.set(inode, "blocks", 1);
      const block = this.#output.take(1);
      for (let i = 0; i < target.length; i++) block[i] = target.charCodeAt(i);
    } else if (entry.type === "char" || entry.type === "block") {
      table.set(inode, "device", encodeDevice(entry.devMajor, entry.devMinor));
    }
  }

  #putXattrs(inode: number, xattrs: ReadonlyMap<string, Uint8Array>): void {
    const attributes = toAttributes(xattrs);
    if (attributes.length === 0) return;
    const inline = inlineXattrs(attributes);
    if (inline) {
      this.#inodes.inlineXattrs.set(inode, inline);
    } else {
      const number = this.#output.block;
      putXattrBlock(this.#output.take(1), number, attributes);
      this.#inodes.set(inode, "xattrBlock", number);
    }
  }

  #writeDirectories(uuid: Uint8Array): void {
    const writer = new DirectoryWriter(
      this.#tree.names,
      this.#inodes,
      this.#output,
      hashSeedOf(uuid),
    );
    for (let inode = ROOT_INODE; inode <= this.#inodes.last; inode++) {
      if (!this.#inodes.isDirectory(inode)) continue;
      writer.write(inode, this.#inodes.get(inode, "device"));
      const spacious = inode === layout.FIRST_INODE &&
        (this.#options.lostAndFound ?? this.#options.journal);
      if (spacious && this.#inodes.get(inode, "blocks") === 1) {
        // e2fsck puts what it finds into blocks that are already there.
        for (let i = 1; i < 4; i++) putEmptyLeaf(inode, this.#output.take(1));
        this.#inodes.set(inode, "blocks", 4);
        this.#inodes.setNumber(inode, "size", 4 * BLOCK_SIZE);
      }
    }
  }

  #writeJournal(uuid: Uint8Array): { words: Int32Array; size: number } | undefined {
    if (!this.#options.journal) return undefined;
    const byCapacity = Math.min(16_384, 1024 * Math.floor(this.#capacityBlocks / 65_536));
    const blocks = Math.max(1024, (this.#options.journalBytes ?? 0) / BLOCK_SIZE || byCapacity);
    const first = this.#output.block;
    this.#output.take(1).set(encodeJournal(blocks, uuid));
    this.#output.skipTo(first + blocks);
    const size = blocks * BLOCK_SIZE;
    this.#inodes.set(JOURNAL_INODE, "mode", REGULAR | 0o600);
    this.#inodes.set(JOURNAL_INODE, "links", 1);
    this.#inodes.set(JOURNAL_INODE, "firstBlock", first);
    this.#inodes.set(JOURNAL_INODE, "blocks", blocks);
    this.#inodes.setNumber(JOURNAL_INODE, "size", size);
    const words = new Int32Array(15);
    inlineExtents(words, 0, first, blocks);
    return { words, size };
  }

  #free(inode: number): void {
    this.#directoryXattrs.delete(inode);
    const first = this.#inodes.get(inode, "firstBlock");
    const blocks = this.#inodes.get(inode, "blocks");
    if (blocks > 0) this.#freed.push([first, first + blocks]);
    const xattrBlock = this.#inodes.get(inode, "xattrBlock");
    if (xattrBlock > 0) this.#freed.push([xattrBlock, xattrBlock + 1]);
  }
}

/** Sorts runs, joins neighbours and drops empty ones. */
function mergedRuns(runs: [number, number][]): number[] {
  const merged: number[] = [];
  for (const [start, end] of runs.sort((a, b) => a[0] - b[0])) {
    if (start >= end) continue;
    if (merged.at(-1) === start) merged[merged.length - 1] = end;
    else merged.push(start, end);
  }
  return merged;
}
