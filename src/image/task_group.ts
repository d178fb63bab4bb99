/** Runs tasks, so many at once; the first failure stops the others and is what `done` throws. */
export class TaskGroup implements AsyncDisposable {
  #abort = new AbortController();
  #free: number;
  #waiting: (() => void)[] = [];
  #running: Promise<void>[] = [];
  #failure: { readonly error: unknown } | undefined;
  #unlink: () => void;

  constructor(maxConcurrent: number, signal?: AbortSignal) {
    this.#free = Math.max(1, maxConcurrent);
    const outer = () => this.#fail(signal?.reason);
    if (signal?.aborted) outer();
    signal?.addEventListener("abort", outer, { once: true });
    this.#unlink = () => signal?.removeEventListener("abort", outer);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Starts `task` as soon as there is room, in the order of calls. */
  add(task: () => Promise<void>): void {
    this.#running.push(this.#run(task).catch((error) => this.#fail(error)));
  }

  async #run(task: () => Promise<void>): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      if (!this.signal.aborted) await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#abort.abort(error);
  }

  /** Waits for all tasks, those that were added meanwhile too. */
  async done(): Promise<void> {
    for (let seen = 0; seen < this.#running.length;) {
      const batch = this.#running.slice(seen);
      seen = this.#running.length;
      await Promise.all(batch);
    }
    if (this.#failure) throw this.#failure.error;
  }

  /** Stops what still runs and waits for its end, so that nothing works on behind a failure. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#unlink();
    this.#abort.abort();
    await this.done().catch(() => {});
  }
}
