import { join } from "node:path";
import { CtrError, syncFolder, TEMPORARY_SUFFIX, writeFileAtomic } from "../core/mod.ts";
import { makeEmptyExt4 } from "../ext4/mod.ts";
import { parseConfig } from "./records.ts";
import type { VolumeConfig } from "./types.ts";

/** Names of volumes do not begin with a dot, so these are never volumes. */
const NEW = ".new-";
const GONE = ".gone-";

/** The content of a shared volume while other content takes its place. */
const OLD_DATA = "data.old";

/** A folder below `volumes/` that is no volume: one that was being made, or one that was removed. */
export interface Leftover {
  readonly path: string;
  /** Of a removed one: the volume that it was. */
  readonly removed: VolumeConfig | undefined;
}

/**
 * The folders of the volumes of one home.
 *
 * A folder gets its name when all in it is on the disk, and loses it in one step, so what has a volume's
 * name is a whole volume.
 */
export class VolumeFiles {
  readonly #folder: string;

  constructor(home: string) {
    this.#folder = join(home, "volumes");
  }

  folder(name: string): string {
    return join(this.#folder, name);
  }

  disk(name: string): string {
    return join(this.#folder, name, "disk.ext4");
  }

  /** Of a shared volume. */
  data(name: string): string {
    return join(this.#folder, name, "data");
  }

  /** What holds the content. */
  source({ name, type }: VolumeConfig): string {
    return type === "block" ? this.disk(name) : this.data(name);
  }

  async create(): Promise<void> {
    await Deno.mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }

  /**
   * Makes a volume's folder.
   *
   * @param fill Makes the content at `disk` or `data`. Default: an empty one.
   * @throws {CtrError} `exists`.
   */
  async make(
    config: VolumeConfig,
    fill: (path: string) => Promise<void> = (path) => makeContent(config, path),
  ): Promise<void> {
    const temporary = join(this.#folder, `${NEW}${crypto.randomUUID()}`);
    try {
      await Deno.mkdir(temporary, { mode: 0o700 });
      const content = join(temporary, config.type === "block" ? "disk.ext4" : "data");
      await fill(content);
      await syncFolder(content); // a file is flushed by the same call
      await writeConfig(temporary, config);
      await Deno.rename(temporary, this.folder(config.name));
    } catch (error) {
      await Deno.remove(temporary, { recursive: true }).catch(() => {});
      if (error instanceof Deno.errors.AlreadyExists || isNotEmpty(error)) {
        throw new CtrError("exists", `cannot create volume "${config.name}": there is one`);
      }
      throw error;
    }
    await syncFolder(this.#folder);
  }

  /** Takes the name away, for good. @returns What is left to be deleted; undefined: nothing was there. */
  async takeName(name: string): Promise<string | undefined> {
    const gone = join(this.#folder, `${GONE}${crypto.randomUUID()}`);
    try {
      await Deno.rename(this.folder(name), gone);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    await syncFolder(this.#folder);
    return gone;
  }

  async writeConfig(config: VolumeConfig): Promise<void> {
    await writeConfig(this.folder(config.name), config);
  }

  /** Puts a whole, flushed file in the place of a block volume's disk. */
  async replaceDisk(name: string, temporary: string): Promise<void> {
    await Deno.rename(temporary, this.disk(name));
    await syncFolder(this.folder(name));
  }

  /**
   * Puts a whole, flushed folder in the place of a shared volume's. Until the new one is there, the old one
   * has a name from which `settle()` brings it back.
   */
  async replaceData(name: string, temporary: string): Promise<void> {
    const old = join(this.folder(name), OLD_DATA);
    await Deno.rename(this.data(name), old);
    await Deno.rename(temporary, this.data(name));
    await syncFolder(this.folder(name));
    await Deno.remove(old, { recursive: true });
  }

  /** Ends what a kill in `replaceData()` or before a disk was replaced has left. */
  async settle(name: string): Promise<void> {
    const folder = this.folder(name);
    const names = (await Array.fromAsync(Deno.readDir(folder))).map((each) => each.name);
    if (names.includes(OLD_DATA) && !names.includes("data")) {
      await Deno.rename(join(folder, OLD_DATA), this.data(name));
    } else if (names.includes(OLD_DATA)) {
      await Deno.remove(join(folder, OLD_DATA), { recursive: true });
    }
    for (const each of names.filter((each) => each.endsWith(TEMPORARY_SUFFIX))) {
      await Deno.remove(join(folder, each), { recursive: true });
    }
  }

  /** Whether its content is there. */
  async has(config: VolumeConfig): Promise<boolean> {
    const info = await Deno.stat(this.source(config)).catch(() => undefined);
    return config.type === "block" ? info?.isFile === true : info?.isDirectory === true;
  }

  /** Folders with the name of a volume, and what they say they are; undefined if they say nothing. */
  async list(): Promise<Map<string, VolumeConfig | undefined>> {
    const found = new Map<string, VolumeConfig | undefined>();
    for await (const { name, isDirectory } of Deno.readDir(this.#folder)) {
      if (!isDirectory || name.startsWith(".")) continue;
      const config = await readConfig(this.folder(name));
      found.set(name, config?.name === name ? config : undefined);
    }
    return found;
  }

  async leftovers(): Promise<Leftover[]> {
    const found: Leftover[] = [];
    for await (const { name } of Deno.readDir(this.#folder)) {
      if (!name.startsWith(NEW) && !name.startsWith(GONE)) continue;
      const path = join(this.#folder, name);
      found.push({ path, removed: name.startsWith(GONE) ? await readConfig(path) : undefined });
    }
    return found;
  }
}

async function makeContent(config: VolumeConfig, path: string): Promise<void> {
  // Below a folder of mode 0700, so the root of a share may be what it is in an image.
  if (config.type === "shared") return await Deno.mkdir(path, { mode: 0o755 });
  await makeEmptyExt4(path, config.sizeBytes!, {
    // A database server refuses a folder with anything in it; e2fsck makes one when it needs one.
    lostAndFound: false,
    journal: config.journal !== undefined,
    ...(config.journal?.sizeBytes && { journalBytes: config.journal.sizeBytes }),
  });
}

async function writeConfig(folder: string, config: VolumeConfig): Promise<void> {
  await writeFileAtomic(join(folder, "volume.json"), `${JSON.stringify(config, null, 2)}\n`);
}

async function readConfig(folder: string): Promise<VolumeConfig | undefined> {
  try {
    const path = join(folder, "volume.json");
    return parseConfig(await Deno.readTextFile(path), `"${path}"`);
  } catch {
    return undefined;
  }
}

function isNotEmpty(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === "ENOTEMPTY";
}
