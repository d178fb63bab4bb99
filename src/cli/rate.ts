/** Further back than this the rate is of no interest. */
const WINDOW_MS = 5000;

/** How fast a number has grown lately. */
export class Rate {
  readonly #samples: { readonly atMs: number; readonly value: number }[] = [];

  /** @param atMs Never before the last one. */
  add(value: number, atMs: number): void {
    this.#samples.push({ atMs, value });
    while (this.#samples.length > 2 && atMs - this.#samples[1]!.atMs > WINDOW_MS) {
      this.#samples.shift();
    }
  }

  /** Per second; 0 while that cannot be said. */
  get perSecond(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (!first || !last || last.atMs <= first.atMs) return 0;
    return Math.max(0, (last.value - first.value) / (last.atMs - first.atMs) * 1000);
  }
}
