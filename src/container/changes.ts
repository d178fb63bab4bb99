import { CtrError } from "../core/mod.ts";

export interface UntilOptions {
  /** Completes "timed out after 5s: …". */
  readonly what: string;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Wakes those who wait for something to become true. */
export class Changes {
  #next = Promise.withResolvers<void>();

  notify(): void {
    const { resolve } = this.#next;
    this.#next = Promise.withResolvers();
    resolve();
  }

  /**
   * Waits until `look` finds something. It is asked at once, then after every change.
   *
   * @throws {CtrError} `timeout`; what `look` throws; what `signal` was aborted with.
   */
  async until<T>(look: () => T | undefined, options: UntilOptions): Promise<T> {
    const { what, timeoutMs, signal } = options;
    const over = Promise.withResolvers<never>();
    over.promise.catch(() => {});
    const aborted = () => over.reject(signal!.reason);
    if (signal?.aborted) aborted();
    signal?.addEventListener("abort", aborted, { once: true });
    const timer = timeoutMs === undefined ? undefined : setTimeout(
      () => over.reject(new CtrError("timeout", `timed out after ${timeoutMs / 1000}s: ${what}`)),
      timeoutMs,
    );
    try {
      for (;;) {
        const { promise } = this.#next;
        const found = look();
        if (found !== undefined) return found;
        await Promise.race([promise, over.promise]);
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
    }
  }
}
