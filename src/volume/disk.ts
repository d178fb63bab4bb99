/** Work on the disk of a block volume that no VM has. */
import { temporaryPath } from "../core/mod.ts";
import {
  checkExt4,
  type Ext4Check,
  Ext4Writer,
  needsRecovery,
  openExt4,
  recoverExt4,
} from "../ext4/mod.ts";
import { cloneFile } from "../host/mod.ts";
import { copyEntries, ext4Entries, pause } from "./entries.ts";

/** Options of the file system that is made in place of another. */
export interface DiskShape {
  readonly sizeBytes: number;
  readonly journal: boolean;
  readonly journalBytes: number | undefined;
}

/** Brings a disk whose VM was killed to where its last commit was. @returns Transactions. */
export async function recover(path: string): Promise<number> {
  using file = await Deno.open(path, { read: true });
  if (!needsRecovery(file)) return 0;
  using writable = await Deno.open(path, { read: true, write: true });
  return recoverExt4(writable);
}

/** Opens a disk whose journal is empty afterwards. The caller closes it. */
export async function openRecovered(path: string): Promise<Deno.FsFile> {
  await recover(path);
  return await Deno.open(path, { read: true });
}

/** Copies a disk; what is a hole stays one. The caller flushes the copy. */
export async function copyDisk(source: string, target: string): Promise<void> {
  await recover(source);
  await cloneFile(source, target);
}

/**
 * Makes a disk of another size with the same files, beside the old one.
 *
 * The size of a file system is part of how it is laid out, so it is written anew: that works on every host,
 * for growing and for shrinking, and a kill leaves the old disk.
 *
 * @returns The new disk, flushed. @throws {CtrError} `no-space` if the files do not fit.
 */
export async function rebuildDisk(path: string, shape: DiskShape): Promise<string> {
  using from = await openRecovered(path);
  return await makeDisk(path, shape, (writer) => copyEntries(ext4Entries(openExt4(from)), writer));
}

/** Makes a disk beside `path` that `fill` writes into. @returns The new disk, flushed. */
export async function makeDisk(
  path: string,
  shape: DiskShape,
  fill: (writer: Ext4Writer) => Promise<void>,
): Promise<string> {
  const temporary = temporaryPath(path);
  try {
    await writeDisk(temporary, shape, fill);
    return temporary;
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

/** As `makeDisk()`, under its own name. */
export async function writeDisk(
  path: string,
  shape: DiskShape,
  fill: (writer: Ext4Writer) => Promise<void>,
): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  const writer = new Ext4Writer(file, {
    capacityBytes: shape.sizeBytes,
    journal: shape.journal,
    lostAndFound: false, // as in files.ts
    ...(shape.journalBytes !== undefined && { journalBytes: shape.journalBytes }),
  });
  await fill(writer);
  writer.finish(crypto.getRandomValues(new Uint8Array(16)));
  await file.sync();
}

/** True if it holds nothing but what an empty disk has. */
export async function isEmptyDisk(path: string): Promise<boolean> {
  using file = await openRecovered(path);
  const reader = openExt4(file);
  const names = reader.list(reader.root()).map(({ name }) => name);
  if (names.some((name) => name !== "lost+found")) return false;
  const lost = reader.lookup("lost+found");
  return lost === undefined || lost.type !== "directory" || reader.list(lost).length === 0;
}

export interface DiskCheck extends Ext4Check {
  /** Of the journal, that the check has written to their place as the next mount would have. */
  readonly recovered: number;
  /** What `e2fsck -fn` says, last lines; absent where it is not installed. */
  readonly e2fsck?: { readonly clean: boolean; readonly output: string };
}

export async function checkDisk(path: string): Promise<DiskCheck> {
  const recovered = await recover(path);
  using file = await Deno.open(path, { read: true });
  const check = await checkExt4(file, pause);
  const e2fsck = await runE2fsck(path);
  return { ...check, recovered, ...(e2fsck && { e2fsck }) };
}

/** Debian keeps it where users' PATH does not lead. */
const E2FSCK = ["e2fsck", "/usr/sbin/e2fsck", "/sbin/e2fsck"];

async function runE2fsck(path: string): Promise<DiskCheck["e2fsck"]> {
  for (const command of E2FSCK) {
    try {
      const { code, stdout, stderr } = await new Deno.Command(command, {
        args: ["-fn", path],
        env: { LC_ALL: "C" },
        stdin: "null",
      }).output();
      const decoder = new TextDecoder();
      const output = `${decoder.decode(stdout)}${decoder.decode(stderr)}`.trim();
      return { clean: code === 0, output };
    } catch (error) {
      const missing = error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.PermissionDenied;
      if (!missing) throw error;
    }
  }
  return undefined;
}
