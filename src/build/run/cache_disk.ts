import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { temporaryPath, writeFileAtomic } from "../../core/mod.ts";
import { makeEmptyExt4 } from "../../ext4/mod.ts";
import { CacheLocks } from "./cache_locks.ts";
import { folderSizes } from "./folder_sizes.ts";

/** What the guest sees; the host pays for what is in the caches. */
const DISK_BYTES = 64 * 1024 ** 3;

const Recorded = z.object({
  id: z.string(),
  createdMs: z.number(),
  lastUsedMs: z.number(),
});
type Recorded = z.infer<typeof Recorded>;
const Records = z.object({ version: z.literal(1), caches: z.record(z.string(), Recorded) });

/** What a step asks of a cache. */
export interface CacheRequest {
  readonly id: string;
  readonly sharing: "shared" | "private" | "locked";
  /** What it begins with, if not empty: caches that begin with different things are different ones. */
  readonly from: string | undefined;
}

export interface TakenCache {
  /** On the disk; made by the guest. */
  readonly folder: string;
  readonly release: () => void;
}

export interface CacheOnDisk {
  readonly folder: string;
  readonly id: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  readonly sizeBytes: number;
  readonly inUse: boolean;
}

/** The caches of one kind of VM: a disk with a folder for each, and a list of them beside it. */
export class CacheDisk {
  readonly path: string;
  readonly #list: string;
  readonly #locks = new CacheLocks();
  #records: Promise<Map<string, Recorded>> | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** @param name Without a suffix. */
  constructor(folder: string, name: string) {
    this.path = join(folder, `${name}.ext4`);
    this.#list = join(folder, `${name}.json`);
  }

  /** Makes the disk if there is none. Called while no VM has it. */
  async make(): Promise<void> {
    await Deno.mkdir(join(this.path, ".."), { recursive: true, mode: 0o700 });
    if (await Deno.stat(this.path).then(() => true, () => false)) return;
    const temporary = temporaryPath(this.path);
    try {
      await makeEmptyExt4(temporary, DISK_BYTES, { journal: true });
      await Deno.rename(temporary, this.path);
    } catch (error) {
      await Deno.remove(temporary).catch(() => {});
      throw error;
    }
    (await this.#known()).clear();
    await this.#save();
  }

  /** Waits until a cache may be used. @throws What `signal` was aborted with. */
  async take(request: CacheRequest, signal?: AbortSignal): Promise<TakenCache> {
    const folder = request.sharing === "private" ? this.#unused(request) : folderOf(request);
    const alone = request.sharing !== "shared";
    const release = await this.#locks.take(folder, alone, signal);
    try {
      await this.#used(folder, request.id);
      return { folder, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  async list(): Promise<CacheOnDisk[]> {
    const known = await this.#known();
    const sizes = await folderSizes(this.path, [...known.keys()]);
    return [...known].map(([folder, { id, createdMs, lastUsedMs }]) => ({
      folder,
      id,
      createdAt: new Date(createdMs),
      lastUsedAt: new Date(lastUsedMs),
      sizeBytes: sizes.get(folder) ?? 0,
      inUse: this.#locks.inUse(folder),
    }));
  }

  /** Notes that folders were removed. */
  async forget(folders: readonly string[]): Promise<void> {
    const known = await this.#known();
    for (const folder of folders) known.delete(folder);
    await this.#save();
  }

  /** Removes the disk, and all caches with it. Called while no VM has it. */
  async remove(): Promise<void> {
    for (const path of [this.path, this.#list]) await Deno.remove(path).catch(() => {});
    this.#records = undefined;
  }

  /** The first of a private cache's folders that no step has. */
  #unused(request: CacheRequest): string {
    const first = folderOf(request);
    for (let at = 0;; at++) {
      const folder = at === 0 ? first : `${first}-${at}`;
      if (!this.#locks.inUse(folder)) return folder;
    }
  }

  async #used(folder: string, id: string): Promise<void> {
    const known = await this.#known();
    const before = known.get(folder);
    const now = Date.now();
    known.set(folder, { id, createdMs: before?.createdMs ?? now, lastUsedMs: now });
    await this.#save();
  }

  #known(): Promise<Map<string, Recorded>> {
    this.#records ??= readRecords(this.#list);
    return this.#records;
  }

  /** One after another; each writes what is known then. */
  #save(): Promise<void> {
    const save = async () => {
      const caches = Object.fromEntries(await this.#known());
      await writeFileAtomic(this.#list, JSON.stringify({ version: 1, caches }), { durable: false });
    };
    const saved = this.#saving.then(save);
    this.#saving = saved.catch(() => {});
    return saved;
  }
}

function folderOf({ id, from }: CacheRequest): string {
  return createHash("sha256").update(`${id}\0${from ?? ""}`).digest("hex").slice(0, 32);
}

/** A list that cannot be read is none: the folders are found again when they are wanted. */
async function readRecords(path: string): Promise<Map<string, Recorded>> {
  try {
    const { caches } = Records.parse(JSON.parse(await Deno.readTextFile(path)));
    return new Map(Object.entries(caches));
  } catch {
    return new Map();
  }
}
