import { CtrError, withDeadline } from "../core/mod.ts";
import type { VolumeUser } from "./types.ts";

/** A guest that writes down what it has gets 20 s for it, and its VM 5 more to end. */
const ENDING_MS = 30_000;

interface Hold {
  readonly user: VolumeUser;
  readonly readonly: boolean;
}

/**
 * Who holds which volume: containers whose VM lives or is about to, and work of ctr's own.
 *
 * Nothing here is stored: a new engine is told by `hold()` what the VMs that it adopts have. Every method
 * looks and takes in one step, so no two callers get what only one may have.
 */
export class Holders {
  readonly #holds = new Map<string, Map<string, Hold>>();
  /** What ctr itself does with a volume: "is being copied". */
  readonly #busy = new Map<string, string>();
  /** Users whose VM is about to be gone. */
  readonly #ending = new Map<string, PromiseWithResolvers<void>>();
  #adopting: Promise<unknown> | undefined;
  /** Volumes that a container is being made with. */
  readonly #reserved = new Map<string, Set<string>>();

  of(name: string): VolumeUser[] {
    return [...this.#holds.get(name)?.values() ?? []].map(({ user }) => user);
  }

  /**
   * @param exclusive One that writes, or several that read.
   * @throws {CtrError} `conflict`.
   */
  take(name: string, user: VolumeUser, readonly: boolean, exclusive: boolean): void {
    const busy = this.#busy.get(name);
    if (busy) {
      throw new CtrError("conflict", `cannot start "${user.name}": volume "${name}" ${busy}`);
    }
    const others = [...this.#holds.get(name)?.values() ?? []]
      .filter((each) => each.user.id !== user.id);
    const other = others.find((each) => !each.readonly || !readonly);
    if (exclusive && other) {
      throw new CtrError(
        "conflict",
        `cannot start "${user.name}": "${other.user.name}" uses the block volume "${name}", which one ` +
          "container has at a time",
        {
          hint:
            `stop "${other.user.name}" first, mount it read-only in both, or make the volume with ` +
            "--type shared",
        },
      );
    }
    this.hold(name, user, readonly);
  }

  hold(name: string, user: VolumeUser, readonly: boolean): void {
    const holds = this.#holds.get(name) ?? new Map<string, Hold>();
    const before = holds.get(user.id);
    holds.set(user.id, { user, readonly: readonly && (before?.readonly ?? true) });
    this.#holds.set(name, holds);
  }

  drop(name: string, userId: string): void {
    const holds = this.#holds.get(name);
    holds?.delete(userId);
    if (holds?.size === 0) this.#holds.delete(name);
  }

  reserve(name: string, userId: string): void {
    const names = this.#reserved.get(userId) ?? new Set<string>();
    this.#reserved.set(userId, names.add(name));
  }

  isReserved(name: string): boolean {
    return this.#reserved.values().some((names) => names.has(name));
  }

  ending(userId: string): void {
    if (!this.#ending.has(userId)) this.#ending.set(userId, Promise.withResolvers());
  }

  /** Until then it is not known who holds what: VMs of an earlier engine may. */
  adopting(found: Promise<unknown>): void {
    this.#adopting = found;
  }

  /**
   * Waits until it is known who holds a volume, and for users of it that are ending; for what does not
   * end, no longer than it may take.
   */
  async settled(name: string): Promise<void> {
    const found = this.#adopting;
    if (found) {
      await withDeadline("waiting for running containers", ENDING_MS, () => found).catch(() => {});
      this.#adopting = undefined;
    }
    const ends = [...this.#holds.get(name)?.keys() ?? []].flatMap((id) =>
      this.#ending.get(id)?.promise ?? []
    );
    if (ends.length === 0) return;
    await withDeadline("waiting for a VM to end", ENDING_MS, () => Promise.all(ends))
      .catch(() => {}); // they are in the way then, and are told of
  }

  /** Gives back all that a user has. */
  release(userId: string): void {
    this.#ending.get(userId)?.resolve();
    this.#ending.delete(userId);
    this.#reserved.delete(userId);
    for (const [name, holds] of this.#holds) {
      holds.delete(userId);
      if (holds.size === 0) this.#holds.delete(name);
    }
  }

  /** True while ctr itself does something with a volume. */
  isWorking(): boolean {
    return this.#busy.size > 0;
  }

  /**
   * Takes a volume for work that no container may disturb, until disposed.
   *
   * @param verb "copy": for errors. @param doing "is being copied": what others are told.
   * @throws {CtrError} `conflict` while a container runs with the volume, or other work is done.
   */
  claim(name: string, verb: string, doing: string): Disposable {
    const [user] = this.of(name);
    const busy = this.#busy.get(name);
    if (user || busy) {
      const fact = user ? `"${user.name}" is running with it` : `it ${busy}`;
      throw new CtrError("conflict", `cannot ${verb} volume "${name}": ${fact}`, {
        hint: user && `stop it first: ctr stop ${user.name}`,
      });
    }
    this.#busy.set(name, doing);
    return { [Symbol.dispose]: () => void this.#busy.delete(name) };
  }

  async exclusively<T>(
    name: string,
    verb: string,
    doing: string,
    work: () => Promise<T>,
  ): Promise<T> {
    await this.settled(name);
    using _mine = this.claim(name, verb, doing);
    return await work();
  }
}
