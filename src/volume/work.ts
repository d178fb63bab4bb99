/** What can be done to a volume's content while no container writes to it. */
import { join } from "node:path";
import { CtrError, formatSize, isCtrError, syncFolder, temporaryPath } from "../core/mod.ts";
import { openExt4 } from "../ext4/mod.ts";
import { checkDisk, copyDisk, isEmptyDisk, makeDisk, openRecovered, rebuildDisk } from "./disk.ts";
import { copyEntries, type EntrySink, ext4Entries, folderEntries } from "./entries.ts";
import type { VolumeFiles } from "./files.ts";
import { FolderWriter } from "./folder_writer.ts";
import { readTarInto, tarOf } from "./tar.ts";
import type { VolumeConfig } from "./types.ts";

/** What a check has found. */
export interface VolumeCheck {
  readonly name: string;
  readonly clean: boolean;
  readonly problems: string[];
  readonly recovered: number;
  readonly inodes: number;
  readonly e2fsck: boolean;
}

/** Copies the content to `target`, which is there afterwards. The caller flushes it, if it is a file. */
export async function copyContent(
  files: VolumeFiles,
  config: VolumeConfig,
  target: string,
): Promise<void> {
  if (config.type === "block") return await copyDisk(files.disk(config.name), target);
  await fillFolder(target, (sink) => copyEntries(folderEntries(files.data(config.name)), sink));
  await flushTree(target);
}

/** Pieces are valid until the next one is asked for. */
export async function* exportContent(
  files: VolumeFiles,
  config: VolumeConfig,
): AsyncGenerator<Uint8Array> {
  if (config.type === "shared") return yield* tarOf(folderEntries(files.data(config.name)));
  using file = await openRecovered(files.disk(config.name));
  yield* tarOf(ext4Entries(openExt4(file)));
}

/**
 * Puts an archive in the place of the content, whole or not at all.
 *
 * @throws {CtrError} `invalid-state` if there is content already, without `force`.
 */
export async function importContent(
  files: VolumeFiles,
  config: VolumeConfig,
  archive: AsyncIterable<Uint8Array>,
  force: boolean,
): Promise<void> {
  const { name } = config;
  if (!force && !await isEmpty(files, config)) {
    throw new CtrError("invalid-state", `cannot import into volume "${name}": it is not empty`, {
      hint: "add --force to replace what is in it",
    });
  }
  const doing = `cannot import into volume "${name}"`;
  if (config.type === "block") {
    const limit = { doing, bytes: await sizeOf(files, config) };
    const disk = files.disk(name);
    const shape = { ...shapeOf(config), sizeBytes: limit.bytes };
    const made = await makeDisk(disk, shape, (writer) => readTarInto(archive, writer, limit));
    return await files.replaceDisk(name, made);
  }
  const temporary = temporaryPath(files.data(name));
  try {
    await Deno.mkdir(temporary, { mode: 0o755 });
    const limit = { doing, bytes: Infinity };
    await fillFolder(temporary, (sink) => readTarInto(archive, sink, limit));
    await flushTree(temporary);
  } catch (error) {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    throw error;
  }
  await files.replaceData(name, temporary);
}

/**
 * Gives a block volume another size.
 *
 * @throws {CtrError} `unsupported` for a shared one; `no-space` if its files do not fit.
 */
export async function resizeContent(
  files: VolumeFiles,
  config: VolumeConfig,
  sizeBytes: number,
): Promise<void> {
  const { name } = config;
  if (config.type === "shared") {
    throw new CtrError(
      "unsupported",
      `cannot resize volume "${name}": a shared volume has no size`,
    );
  }
  try {
    const made = await rebuildDisk(files.disk(name), { ...shapeOf(config), sizeBytes });
    await files.replaceDisk(name, made);
  } catch (error) {
    if (!isCtrError(error, "no-space")) throw error;
    const needs = /needs (\d+) bytes/.exec(error.message)?.[1];
    throw new CtrError(
      "no-space",
      `cannot resize volume "${name}" to ${formatSize(sizeBytes)}: its files and tables need ${
        needs ? formatSize(Number(needs)) : "more"
      }`,
      { cause: error },
    );
  }
}

export async function checkContent(
  files: VolumeFiles,
  config: VolumeConfig,
): Promise<VolumeCheck> {
  const { name } = config;
  if (!await files.has(config)) {
    const problems = ["its files are gone"];
    return { name, clean: false, problems, recovered: 0, inodes: 0, e2fsck: false };
  }
  if (config.type === "shared") {
    let inodes = 0;
    for (const _ of folderEntries(files.data(name))) inodes++;
    return { name, clean: true, problems: [], recovered: 0, inodes, e2fsck: false };
  }
  const { problems, inodes, recovered, e2fsck } = await checkDisk(files.disk(name));
  const told = e2fsck && !e2fsck.clean
    ? e2fsck.output.split("\n").slice(0, 20).map((line) => `e2fsck: ${line}`)
    : [];
  return {
    name,
    clean: problems.length === 0 && told.length === 0,
    problems: [...problems, ...told],
    recovered,
    inodes,
    e2fsck: e2fsck !== undefined,
  };
}

/** What a block volume's disk says, which is what counts after a kill between two files. */
export async function sizeOf(files: VolumeFiles, config: VolumeConfig): Promise<number> {
  return (await Deno.stat(files.disk(config.name))).size;
}

async function isEmpty(files: VolumeFiles, config: VolumeConfig): Promise<boolean> {
  if (config.type === "block") return await isEmptyDisk(files.disk(config.name));
  for await (const _ of Deno.readDir(files.data(config.name))) return false;
  return true;
}

function shapeOf({ journal }: VolumeConfig) {
  return { journal: journal !== undefined, journalBytes: journal?.sizeBytes };
}

async function fillFolder(path: string, fill: (sink: EntrySink) => Promise<void>): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: 0o755 });
  using writer = new FolderWriter(path);
  await fill(writer);
  writer.finish();
}

/** Every file and folder below. */
async function flushTree(root: string): Promise<void> {
  for await (const { name, isDirectory, isFile } of Deno.readDir(root)) {
    const path = join(root, name);
    if (isDirectory) await flushTree(path);
    else if (isFile) await flushFile(path);
  }
  await syncFolder(root);
}

/** One that may not be read is flushed with the folder's file system, sooner or later. */
async function flushFile(path: string): Promise<void> {
  try {
    using file = await Deno.open(path, { read: true });
    await file.sync();
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}
