import { CtrError } from "../../core/mod.ts";
import type { Guest, RunningVm } from "../../vm/mod.ts";
import { removeFolder } from "../context.ts";
import { type FileOwner, isStopped } from "./owner.ts";

/** How long it waits for the next of a row of small requests. */
const LINGER_MS = 3000;

/** @param spawned Gets the VM while its guest still boots. */
type Boot = (spawned: (vm: { kill(): Promise<void> }) => void) => Promise<RunningVm>;

/** One life of the helper VM, shared by all who come while it lasts. */
interface Session {
  readonly vm: Promise<RunningVm | undefined>;
  users: number;
  /** Resolves when the last user has left. Replaced when another one comes. */
  idle: PromiseWithResolvers<void>;
}

/**
 * A VM that shows the file systems of a container that does not run, and nothing else.
 *
 * It lives within the container's mutex: a start waits until it has gone, and hastens that. Killed with
 * the engine, it is found and ended by the next one, as any VM without a first process is.
 */
export class HelperVm {
  readonly #owner: FileOwner;
  readonly #boot: Boot;
  #session: Session | undefined;
  /** What is to be ended when the engine ends: a VM whose guest may still boot. */
  #spawned: { kill(): Promise<void> } | undefined;
  #released = false;

  constructor(owner: FileOwner, boot: Boot) {
    this.#owner = owner;
    this.#boot = boot;
  }

  /** Whether one lives or is about to. */
  get active(): boolean {
    return this.#session !== undefined;
  }

  /**
   * Does `work` with the guest of a helper VM.
   *
   * @returns Undefined, and nothing is done, if the container runs by the time that it is this one's turn.
   */
  async use<T>(work: (guest: Guest) => Promise<T>): Promise<{ readonly result: T } | undefined> {
    const session = this.#session ?? this.#begin();
    if (session.users++ === 0) session.idle = Promise.withResolvers();
    try {
      const vm = await session.vm;
      return vm && { result: await work(vm.guest) };
    } finally {
      if (--session.users === 0) session.idle.resolve();
    }
  }

  /** Ends it at once, for an engine that ends. What was told to be done is on the disk. */
  async release(): Promise<void> {
    this.#released = true;
    await this.#spawned?.kill();
  }

  #begin(): Session {
    const booted = Promise.withResolvers<RunningVm | undefined>();
    const idle = Promise.withResolvers<void>();
    const session: Session = { vm: booted.promise, users: 0, idle };
    this.#session = session;
    booted.promise.catch(() => {});
    this.#owner.exclusive(async (asked) => {
      if (!await isStopped(this.#owner)) return this.#leave(session);
      if (this.#released) return;
      const vm = await this.#boot((spawned) => {
        this.#spawned = spawned;
        if (this.#released) spawned.kill();
      });
      booted.resolve(vm);
      await this.#lastUser(session, vm, asked);
      await vm.shutdown(0);
      await removeFolder(this.#owner.folders.vm);
    }).then(() => booted.resolve(undefined), (error) => booted.reject(error)).finally(() => {
      this.#spawned = undefined;
      this.#leave(session);
    });
    return session;
  }

  /** Resolves when nobody needs it any more, and nobody is expected to. */
  async #lastUser(session: Session, vm: RunningVm, asked: Promise<void>): Promise<void> {
    const gone = vm.ended.then(() => {});
    for (;;) {
      await Promise.race([session.idle.promise, gone]);
      if (!vm.gone && session.users === 0) await lingered(asked, gone);
      if (vm.gone || session.users === 0) return this.#leave(session);
    }
  }

  /** Who comes from now on begins another one, behind this one. */
  #leave(session: Session): void {
    if (this.#session === session) this.#session = undefined;
  }
}

/** Resolves after a while, or as soon as one of the others does. */
async function lingered(...others: readonly Promise<void>[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, LINGER_MS);
  await Promise.race([promise, ...others]);
  clearTimeout(timer);
}

/** The helper VM could not be used although the container does not run. */
export function changedMeanwhile(name: string, doing: string): CtrError {
  return new CtrError("conflict", `${doing}: "${name}" is being started and stopped all the time`, {
    hint: "try again when it has settled",
  });
}
