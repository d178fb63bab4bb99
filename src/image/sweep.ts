import { join } from "node:path";
import { TEMPORARY_SUFFIX } from "../core/mod.ts";
import { allocatedBytes } from "./collect.ts";
import { leasedDigests } from "./lease.ts";
import { tryLockObject } from "./object_lock.ts";
import { removeIfThere, type StorePaths } from "./paths.ts";
import type { SweepOptions, Swept } from "./types.ts";

/** A download that nobody took up again for a day is given up. */
const PARTIAL_MS = 24 * 60 * 60 * 1000;

/**
 * Removes what killed processes left behind.
 *
 * A temporary file belongs to whoever holds the lock of the object that it is to become, so a free
 * lock means that its writer is dead. Age decides for partial downloads alone, which have a use.
 */
export async function sweepStore(paths: StorePaths, options: SweepOptions): Promise<Swept> {
  let files = 0;
  let bytes = 0;
  for await (const { path, lock, minAgeMs } of leftOvers(paths, options.partialMs ?? PARTIAL_MS)) {
    await using held = await tryLockObject(paths.lock(lock));
    if (!held || await ageMs(path) < minAgeMs) continue;
    bytes += allocatedBytes(path);
    files++;
    await removeIfThere(path);
  }
  await leasedDigests(paths); // removes those of dead processes
  await sweepLocks(paths);
  return { files, bytes };
}

interface LeftOver {
  readonly path: string;
  readonly lock: string;
  readonly minAgeMs: number;
}

async function* leftOvers(paths: StorePaths, partialMs: number): AsyncGenerator<LeftOver> {
  for (const name of await namesIn(paths.ingest)) {
    const lock = `blob-${name.split(".")[0]}`;
    const minAgeMs = name.endsWith(".partial") ? partialMs : 0;
    yield { path: join(paths.ingest, name), lock, minAgeMs };
  }
  for (const name of await namesIn(paths.layers)) {
    if (!name.endsWith(TEMPORARY_SUFFIX)) continue;
    yield { path: join(paths.layers, name), lock: `disk-${name.split(".")[0]}`, minAgeMs: 0 };
  }
  for (const name of await namesIn(paths.content)) {
    if (!name.endsWith(TEMPORARY_SUFFIX)) continue;
    yield { path: join(paths.content, name), lock: "index", minAgeMs: 0 };
  }
}

/** Locks whose holders were killed. Taking one and letting go of it removes it. */
async function sweepLocks(paths: StorePaths): Promise<void> {
  for (const name of await namesIn(paths.locks)) {
    if (!/^(blob|disk|lease)-|^index$/.test(name)) continue;
    await (await tryLockObject(paths.lock(name)))?.[Symbol.asyncDispose]();
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}

async function ageMs(path: string): Promise<number> {
  const info = await Deno.stat(path).catch(() => undefined);
  return info?.mtime ? Date.now() - info.mtime.getTime() : 0;
}
