/** Work that goes on behind a step: layers on their way into the store. A build ends after it. */
export class Background {
  readonly #running = new Set<Promise<unknown>>();

  /** @returns The same promise; its failure is for whoever needs what it gives. */
  add<T>(work: Promise<T>): Promise<T> {
    const settled = work.then(() => {}, () => {}).finally(() => this.#running.delete(settled));
    this.#running.add(settled);
    return work;
  }

  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
