import { join } from "node:path";
import { bytesOf, CtrError, syncFolder, temporaryPath } from "../core/mod.ts";
import { cloneFile } from "../host/mod.ts";
import type { MachineSnapshot } from "../api/mod.ts";

const SUFFIX = ".ext4";

/**
 * The snapshots of a machine: copies of its disk, in a folder beside it, by name. They share blocks with it
 * where the host's file system can.
 */
export class Snapshots {
  readonly #folder: string;

  /** @param folder Of the machine's container. */
  constructor(folder: string) {
    this.#folder = join(folder, "snapshots");
  }

  /** The oldest first. */
  async list(): Promise<MachineSnapshot[]> {
    const found: MachineSnapshot[] = [];
    try {
      for await (const { name } of Deno.readDir(this.#folder)) {
        if (!name.endsWith(SUFFIX)) continue; // one that is being made, or was when its engine was killed
        const info = await Deno.stat(join(this.#folder, name));
        found.push({
          name: name.slice(0, -SUFFIX.length),
          createdAt: (info.mtime ?? new Date(0)).toISOString(),
          sizeInBytes: bytesOf(info).allocated,
        });
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return found.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  }

  /** @param disk Whole, and not written to meanwhile. @throws {CtrError} `exists`. */
  async make(machine: string, name: string, disk: string): Promise<void> {
    await Deno.mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = this.#path(name);
    if (await exists(path)) {
      throw new CtrError("exists", `cannot snapshot "${machine}": there is a snapshot "${name}"`, {
        hint: `remove it with: ctr machine snapshot --rm ${machine} ${name}`,
      });
    }
    await copyDurably(disk, path);
    await Deno.utime(path, new Date(), new Date());
  }

  /** Puts it in the place of the machine's disk: whole, or not at all. @throws {CtrError} `not-found`. */
  async restore(machine: string, name: string, disk: string): Promise<void> {
    await this.#mustExist(machine, name, "restore");
    await copyDurably(this.#path(name), disk);
  }

  /** @throws {CtrError} `not-found`. */
  async remove(machine: string, name: string): Promise<void> {
    await this.#mustExist(machine, name, "change");
    await Deno.remove(this.#path(name));
  }

  async #mustExist(machine: string, name: string, verb: string): Promise<void> {
    if (await exists(this.#path(name))) return;
    throw new CtrError("not-found", `cannot ${verb} "${machine}": there is no snapshot "${name}"`, {
      hint: `see: ctr machine snapshot --list ${machine}`,
    });
  }

  #path(name: string): string {
    return join(this.#folder, name + SUFFIX);
  }
}

/** Copies a sparse file; what is there is replaced at once, when the copy is on the disk. */
export async function copyDurably(from: string, to: string): Promise<void> {
  const temporary = temporaryPath(to);
  try {
    await cloneFile(from, temporary);
    using file = await Deno.open(temporary, { write: true });
    await file.sync();
    await Deno.rename(temporary, to);
    await syncFolder(join(to, ".."));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
