import type { CacheDisk, TakenCache } from "./cache_disk.ts";
import { isOutcome } from "./outcome.ts";
import type { RunStep, StepMount, Tree } from "./types.ts";

type CacheStepMount = Extract<StepMount, { kind: "cache" }>;

/** The caches that a step has, until it has ended. */
export class TakenCaches {
  /** On the disk of caches, by mount. */
  readonly folders = new Map<StepMount, string>();
  readonly #taken = new Map<string, TakenCache>();

  /**
   * Waits for all of them, in an order that is the same for all steps: none has what another waits for while it
   * waits itself.
   *
   * @throws What `signal` was aborted with; none is held then.
   */
  static async take(disk: CacheDisk, step: RunStep, signal?: AbortSignal): Promise<TakenCaches> {
    const caches = new TakenCaches();
    const wanted = await Promise.all(
      step.mounts.filter((mount) => mount.kind === "cache").map(async (mount) => ({
        mount,
        from: await identityOf(mount.from),
      })),
    );
    try {
      for (const { mount, from } of wanted.sort((a, b) => order(a.mount, b.mount))) {
        await caches.#take(disk, mount, from, signal);
      }
      return caches;
    } catch (error) {
      caches.release();
      throw error;
    }
  }

  release(): void {
    for (const { release } of this.#taken.values()) release();
  }

  /** A step that mounts a cache at two places has it once. */
  async #take(
    disk: CacheDisk,
    mount: CacheStepMount,
    from: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { id, sharing } = mount;
    const key = `${id}\0${from ?? ""}`;
    let taken = this.#taken.get(key);
    if (!taken) this.#taken.set(key, taken = await disk.take({ id, sharing, from }, signal));
    this.folders.set(mount, taken.folder);
  }
}

function order(a: CacheStepMount, b: CacheStepMount): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

async function identityOf(tree: Tree | undefined): Promise<string | undefined> {
  if (!tree) return undefined;
  const layers = await Promise.all(
    tree.lowers.map(async (lower) => (isOutcome(lower) ? await lower.layer : lower)?.diffId ?? ""),
  );
  return [...layers, tree.path ?? "/"].join(" ");
}
