/**
 * Takes what a killed guest has committed out of the journal and to its place, as the kernel does when it
 * mounts the disk: until then the disk shows an earlier state.
 *
 * ```text
 * log:        descriptor, blocks …, commit, revoke, descriptor, …  numbered by transaction, in a ring
 * descriptor: header 12 | tag (block number, flags, checksum) … | checksum 4
 * revoke:     header 12 | bytes used u32 | block numbers … | checksum 4: not to be written again
 * ```
 *
 * All numbers of the journal are big-endian.
 *
 * @see https://docs.kernel.org/filesystems/ext4/journal.html
 */
import { CtrError } from "../core/mod.ts";
import { crc32c } from "./crc32c.ts";
import type { Extent } from "./extent_reader.ts";
import { badImage, Image, type InputFile } from "./image.ts";
import { BLOCK_SIZE, DESCRIPTOR_SIZE, JOURNAL_INODE } from "./layout.ts";
import { Ext4Reader } from "./reader.ts";
import { INCOMPATIBLE, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE } from "./superblock.ts";

const MAGIC = 0xc03b3998;
const DESCRIPTOR = 1;
const COMMIT = 2;
const REVOKE = 5;
const FEATURE = { revoke: 1, bits64: 2, checksum3: 16 } as const;
const KNOWN = FEATURE.revoke | FEATURE.bits64 | FEATURE.checksum3;
const ESCAPED = 1;
const SAME_UUID = 2;
const LAST_TAG = 8;
const TAIL = 4;
/** Of the 1024 bytes of the journal's superblock. */
const JOURNAL_CHECKSUM = 0xfc;

/** The part of an open file that a recovery needs. */
export interface RecoveryFile extends InputFile {
  writeSync(bytes: Uint8Array): number;
  syncDataSync(): void;
}

/** True if the disk was in use when its guest ended. */
export function needsRecovery(file: InputFile): boolean {
  return (readSuperblock(file).getUint32(0x60, true) & INCOMPATIBLE.recover) !== 0;
}

/**
 * Makes a disk that nobody uses what its next mount would make it. A kill in between costs nothing: it is
 * done again.
 *
 * @returns Transactions that were written to their place.
 * @throws {CtrError} `bad-data` if the journal is damaged, `unsupported` for one that ctr cannot read.
 */
export function recoverExt4(file: RecoveryFile): number {
  if (!needsRecovery(file)) return 0;
  const journal = new Journal(file);
  const end = journal.scan();
  const transactions = journal.replay(end);
  file.syncDataSync();
  journal.reset(end);
  file.syncDataSync();
  clearRecover(file);
  file.syncDataSync();
  return transactions;
}

interface Tag {
  readonly block: number;
  readonly flags: number;
  readonly checksum: number;
}

class Journal {
  readonly #file: RecoveryFile;
  readonly #image: Image;
  readonly #extents: readonly Extent[];
  readonly #super: DataView;
  readonly #seed: number;
  readonly #checked: boolean;
  readonly #length: number;
  readonly #first: number;
  /** Blocks that must not be written by a transaction up to this one. */
  readonly #revoked = new Map<number, number>();

  constructor(file: RecoveryFile) {
    this.#file = file;
    this.#image = new Image(file);
    const reader = new Ext4Reader(this.#image);
    this.#extents = reader.extents(reader.inode(JOURNAL_INODE));
    const bytes = this.#read(0);
    this.#super = new DataView(bytes.buffer);
    const features = this.#super.getUint32(0x28);
    this.#length = this.#super.getUint32(0x10);
    this.#first = this.#super.getUint32(0x14);
    if (this.#super.getUint32(0) !== MAGIC || this.#super.getUint32(0x0c) !== BLOCK_SIZE) {
      throw badImage("its journal is malformed");
    }
    if ((features & ~KNOWN) !== 0 || this.#super.getUint32(4) !== 4) {
      throw new CtrError(
        "unsupported",
        "read ext4: the journal uses features that ctr does not read",
      );
    }
    if (this.#first < 1 || this.#first >= this.#length) throw badImage("its journal is malformed");
    this.#checked = (features & FEATURE.checksum3) !== 0;
    this.#seed = crc32c(-1, bytes, 0x30, 0x40);
  }

  /** @returns The number behind the last transaction that is there whole. Notes what was revoked. */
  scan(): number {
    let end = this.#super.getUint32(0x18);
    const revokes: [block: number, transaction: number][] = [];
    let whole = 0;
    this.#walk(Infinity, {
      revoke: (blocks, transaction) => {
        for (const block of blocks) revokes.push([block, transaction]);
      },
      commit: (transaction) => {
        end = transaction + 1;
        whole = revokes.length;
      },
    });
    for (const [block, transaction] of revokes.slice(0, whole)) {
      this.#revoked.set(block, Math.max(transaction, this.#revoked.get(block) ?? 0));
    }
    return end;
  }

  /** Writes every block that was not revoked later, oldest first. */
  replay(end: number): number {
    let transactions = 0;
    this.#walk(end, {
      block: (tag, at, transaction) => {
        if ((this.#revoked.get(tag.block) ?? -1) >= transaction) return;
        const bytes = this.#read(at);
        if (this.#checked && this.#dataChecksum(bytes, transaction) !== tag.checksum) {
          throw badImage("a block of its journal has changed");
        }
        if (tag.flags & ESCAPED) new DataView(bytes.buffer).setUint32(0, MAGIC);
        this.#image.checkBlocks(Math.max(1, tag.block), 1); // the superblock's may be among them
        writeAt(this.#file, tag.block * BLOCK_SIZE, bytes);
      },
      commit: () => void transactions++,
    });
    return transactions;
  }

  /** Says that there is nothing to be replayed. */
  reset(end: number): void {
    this.#super.setUint32(0x18, end + 1);
    this.#super.setUint32(0x1c, 0);
    const bytes = new Uint8Array(this.#super.buffer).subarray(0, SUPERBLOCK_SIZE);
    if (this.#checked) {
      this.#super.setUint32(JOURNAL_CHECKSUM, 0);
      this.#super.setUint32(JOURNAL_CHECKSUM, crc32c(-1, bytes));
    }
    writeAt(this.#file, this.#place(0) * BLOCK_SIZE, bytes);
  }

  #walk(end: number, visit: {
    readonly block?: (tag: Tag, at: number, transaction: number) => void;
    readonly revoke?: (blocks: number[], transaction: number) => void;
    readonly commit?: (transaction: number) => void;
  }): void {
    let at = this.#super.getUint32(0x1c);
    if (at === 0) return; // the guest ended between the two ways to say that it is clean
    let transaction = this.#super.getUint32(0x18);
    const step = (by: number) => {
      at += by;
      if (at >= this.#length) at -= this.#length - this.#first;
    };
    for (let steps = 0; transaction < end && steps < this.#length; steps++) {
      const bytes = this.#read(at);
      const v = new DataView(bytes.buffer);
      if (v.getUint32(0) !== MAGIC || v.getUint32(8) !== transaction) return;
      const type = v.getUint32(4);
      if (type === COMMIT) {
        if (this.#checked && !this.#holds(bytes, 16)) return;
        visit.commit?.(transaction++);
        step(1);
      } else if (type === REVOKE || type === DESCRIPTOR) {
        if (this.#checked && !this.#holds(bytes, BLOCK_SIZE - TAIL)) return;
        step(1);
        if (type === REVOKE) {
          visit.revoke?.(this.#revokedIn(v), transaction);
          continue;
        }
        for (const tag of this.#tags(v)) {
          visit.block?.(tag, at, transaction);
          step(1);
          steps++;
        }
      } else return;
    }
  }

  #tags(v: DataView): Tag[] {
    const tags: Tag[] = [];
    const wide = (this.#super.getUint32(0x28) & FEATURE.bits64) !== 0;
    const size = this.#checked ? 16 : wide ? 12 : 8;
    for (let at = 12; at + size <= BLOCK_SIZE - (this.#checked ? TAIL : 0);) {
      const flags = this.#checked ? v.getUint32(at + 4) : v.getUint16(at + 6);
      const high = wide ? v.getUint32(at + 8) : 0;
      tags.push({
        block: v.getUint32(at) + high * 0x1_0000_0000,
        flags,
        checksum: this.#checked ? v.getUint32(at + 12) | 0 : 0,
      });
      if (flags & LAST_TAG) break;
      at += size + (flags & SAME_UUID ? 0 : 16);
    }
    return tags;
  }

  #revokedIn(v: DataView): number[] {
    const wide = (this.#super.getUint32(0x28) & FEATURE.bits64) !== 0;
    const end = Math.min(v.getUint32(12), BLOCK_SIZE);
    const blocks: number[] = [];
    for (let at = 16; at + (wide ? 8 : 4) <= end; at += wide ? 8 : 4) {
      blocks.push(
        wide ? v.getUint32(at) * 0x1_0000_0000 + v.getUint32(at + 4) : v.getUint32(at),
      );
    }
    return blocks;
  }

  /** Whether the checksum at `at` is that of the block, itself taken for zero. */
  #holds(bytes: Uint8Array, at: number): boolean {
    const v = new DataView(bytes.buffer);
    const stored = v.getUint32(at) | 0;
    v.setUint32(at, 0);
    const actual = crc32c(this.#seed, bytes);
    v.setUint32(at, stored);
    return actual === stored;
  }

  #dataChecksum(bytes: Uint8Array, transaction: number): number {
    const number = new Uint8Array(4);
    new DataView(number.buffer).setUint32(0, transaction);
    return crc32c(crc32c(this.#seed, number), bytes);
  }

  #read(block: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(BLOCK_SIZE);
    this.#image.readBlock(this.#place(block), bytes);
    return bytes;
  }

  /** Where a block of the journal is on the disk. */
  #place(block: number): number {
    const extent = this.#extents.find((each) =>
      block >= each.logical && block < each.logical + each.blocks
    );
    if (!extent) throw badImage("its journal is cut off");
    return extent.physical + block - extent.logical;
  }
}

/**
 * Takes the mark away, and adds up the totals: the kernel keeps them by group and writes the sum when it
 * unmounts.
 */
function clearRecover(file: RecoveryFile): void {
  const v = readSuperblock(file);
  const { groupCount, descriptorSize } = geometry(v);
  const table = new Uint8Array(groupCount * descriptorSize);
  readAt(file, BLOCK_SIZE, table);
  const d = new DataView(table.buffer);
  let blocks = 0;
  let inodes = 0;
  for (let at = 0; at < table.length; at += descriptorSize) {
    const wide = descriptorSize >= DESCRIPTOR_SIZE;
    blocks += d.getUint16(at + 0x0c, true) + (wide ? d.getUint16(at + 0x2c, true) * 0x10000 : 0);
    inodes += d.getUint16(at + 0x0e, true) + (wide ? d.getUint16(at + 0x2e, true) * 0x10000 : 0);
  }
  v.setUint32(0x0c, blocks % 0x1_0000_0000, true);
  v.setUint32(0x158, Math.floor(blocks / 0x1_0000_0000), true);
  v.setUint32(0x10, inodes, true);
  v.setUint32(0x60, v.getUint32(0x60, true) & ~INCOMPATIBLE.recover, true);
  const bytes = new Uint8Array(v.buffer);
  v.setUint32(0x3fc, crc32c(-1, bytes, 0, 0x3fc), true);
  writeAt(file, SUPERBLOCK_OFFSET, bytes);
}

function geometry(v: DataView): { groupCount: number; descriptorSize: number } {
  const bits64 = (v.getUint32(0x60, true) & INCOMPATIBLE.bits64) !== 0;
  const blocks = v.getUint32(4, true) + (bits64 ? v.getUint32(0x150, true) * 0x1_0000_0000 : 0);
  const descriptorSize = bits64 ? v.getUint16(0xfe, true) : 32;
  return { groupCount: Math.ceil(blocks / v.getUint32(0x20, true)), descriptorSize };
}

function readSuperblock(file: InputFile): DataView {
  const bytes = new Uint8Array(SUPERBLOCK_SIZE);
  readAt(file, SUPERBLOCK_OFFSET, bytes);
  return new DataView(bytes.buffer);
}

function readAt(file: InputFile, offset: number, into: Uint8Array): void {
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let at = 0; at < into.length;) {
    const n = file.readSync(into.subarray(at));
    if (n === null) throw badImage("it is cut off");
    at += n;
  }
}

function writeAt(file: RecoveryFile, offset: number, bytes: Uint8Array): void {
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}
