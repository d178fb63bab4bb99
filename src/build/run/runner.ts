import type { Architecture } from "../../vm/mod.ts";
import { CACHE_SERIAL } from "./builder_vm.ts";
import type { CacheOnDisk } from "./cache_disk.ts";
import type { RunContext } from "./context.ts";
import { Session } from "./session.ts";
import type { CacheMount, SessionOptions, StepRunner, StepSession } from "./types.ts";
import { VmPool } from "./vm_pool.ts";

/** What runs the RUN steps of a home. */
export function openStepRunner(context: RunContext): StepRunner {
  return new Runner(context);
}

class Runner implements StepRunner {
  readonly #context: RunContext;
  readonly #pool: VmPool;

  constructor(context: RunContext) {
    this.#context = context;
    this.#pool = new VmPool(context);
  }

  open(options: SessionOptions): StepSession {
    return new Session(this.#context, this.#pool, options);
  }

  status(): ReturnType<StepRunner["status"]> {
    return this.#pool.status();
  }

  async caches(): Promise<readonly CacheMount[]> {
    const disks = await this.#pool.disks();
    const lists = await Promise.all(
      disks.map(async ({ architecture, disk }) =>
        (await disk.list()).map((cache) => ({ ...withoutFolder(cache), architecture }))
      ),
    );
    return lists.flat();
  }

  async removeCaches(
    wanted: Parameters<StepRunner["removeCaches"]>[0],
  ): Promise<readonly CacheMount[]> {
    const removed: CacheMount[] = [];
    for (const { key, architecture, disk } of await this.#pool.disks()) {
      const ids = new Set(
        wanted.filter((each) => each.architecture === architecture).map(({ id }) => id),
      );
      const all = await disk.list();
      const chosen = all.filter(({ id, inUse }) => ids.has(id) && !inUse);
      if (chosen.length === 0) continue;
      const folders = chosen.map(({ folder }) => folder);
      const vm = await this.#pool.holder(key);
      if (vm) {
        await (await vm.running).guest.removeFolders(CACHE_SERIAL, folders);
        await disk.forget(folders);
      } else if (chosen.length === all.length) {
        await disk.remove();
      } else {
        await this.#removeByVm(key, architecture, folders);
        await disk.forget(folders);
      }
      removed.push(...chosen.map((cache) => ({ ...withoutFolder(cache), architecture })));
    }
    return removed;
  }

  /** Only a guest can change the disk. */
  async #removeByVm(
    key: string,
    architecture: Architecture,
    folders: readonly string[],
  ): Promise<void> {
    await using lease = await this.#pool.lease("prune", {
      architecture,
      networkName: "default",
      emulators: undefined,
      ...await this.#context.defaults(),
    }, key);
    await (await lease.vm.running).guest.removeFolders(CACHE_SERIAL, folders);
  }

  sweep(): Promise<void> {
    return this.#pool.sweep();
  }

  stop(): Promise<void> {
    return this.#pool.stop();
  }
}

function withoutFolder({ folder: _folder, ...cache }: CacheOnDisk): Omit<CacheOnDisk, "folder"> {
  return cache;
}
