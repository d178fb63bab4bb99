/** One at a time per key: what two builds need at once is made once. */
export class KeyLocks {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** @param signal Ends the waiting, not the work. */
  async run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (let before; (before = this.#tails.get(key)) !== undefined;) {
      await abortable(before, signal);
    }
    signal.throwIfAborted();
    const running = work();
    const settled = running.catch(() => {}).then(() => {
      if (this.#tails.get(key) === settled) this.#tails.delete(key);
    });
    this.#tails.set(key, settled);
    return await running;
  }
}

async function abortable(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
