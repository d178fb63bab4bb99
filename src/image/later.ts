import { isCtrError, type Log } from "../core/mod.ts";

/** Makes the layer disks of images that nobody waits for, one after the other. */
export class Later {
  #make: (reference: string, signal: AbortSignal) => Promise<void>;
  #log: Log;
  #abort = new AbortController();
  #waiting = new Set<string>();
  #running: Promise<void> | undefined;

  constructor(make: (reference: string, signal: AbortSignal) => Promise<void>, log: Log) {
    this.#make = make;
    this.#log = log;
  }

  unpack(references: readonly string[]): void {
    for (const reference of references) this.#waiting.add(reference);
    this.#running ??= this.#run().finally(() => this.#running = undefined);
  }

  /** Settles when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** What was not begun is made when a container needs it. */
  async stop(): Promise<void> {
    this.#waiting.clear();
    this.#abort.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (const reference of this.#waiting) {
      this.#waiting.delete(reference);
      try {
        await this.#make(reference, this.#abort.signal);
      } catch (error) {
        // Removed meanwhile, or for another platform; whoever starts a container is told the rest.
        if (this.#abort.signal.aborted || isCtrError(error, "not-found")) continue;
        this.#log.warn("cannot unpack an image that was loaded", { reference, error });
      }
    }
  }
}
