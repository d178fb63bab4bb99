/** Who uses which cache: any number of steps together, or one alone. First come, first served. */

interface Waiting {
  readonly alone: boolean;
  readonly admit: () => void;
}

interface Use {
  users: number;
  alone: boolean;
  readonly queue: Waiting[];
}

export class CacheLocks {
  readonly #uses = new Map<string, Use>();

  inUse(name: string): boolean {
    return this.#uses.has(name);
  }

  /**
   * Waits until a cache may be used.
   *
   * @returns Ends the use.
   * @throws What `signal` was aborted with.
   */
  async take(name: string, alone: boolean, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    let use = this.#uses.get(name);
    if (!use) this.#uses.set(name, use = { users: 0, alone: false, queue: [] });
    if (use.queue.length === 0 && fits(use, alone)) enter(use, alone);
    else await this.#wait(use, alone, signal);
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.#leave(name, use);
    };
  }

  #wait(use: Use, alone: boolean, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        use.queue.splice(use.queue.indexOf(waiting), 1);
        admitNext(use); // who came behind may fit
        reject(signal!.reason);
      };
      const waiting = {
        alone,
        admit: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      use.queue.push(waiting);
    });
  }

  #leave(name: string, use: Use): void {
    use.users--;
    use.alone = false;
    admitNext(use);
    if (use.users === 0) this.#uses.delete(name);
  }
}

function fits(use: Use, alone: boolean): boolean {
  return use.users === 0 || !use.alone && !alone;
}

function enter(use: Use, alone: boolean): void {
  use.users++;
  use.alone = alone;
}

function admitNext(use: Use): void {
  for (let next = use.queue[0]; next && fits(use, next.alone); next = use.queue[0]) {
    use.queue.shift();
    enter(use, next.alone);
    next.admit();
  }
}
