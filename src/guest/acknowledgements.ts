/** A quarter of the guest's default buffer. */
const STEP_BYTES = 512 * 1024;
const DELAY_MS = 20;

interface Progress {
  told: number;
  wanted: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Gathers acknowledgements: at most one per half megabyte, and the last one a moment later. */
export class Acknowledgements {
  readonly #tell: (processId: string, offset: number) => Promise<unknown>;
  readonly #progress = new Map<string, Progress>();

  constructor(tell: (processId: string, offset: number) => Promise<unknown>) {
    this.#tell = tell;
  }

  async upTo(processId: string, offset: number): Promise<void> {
    const progress = this.#of(processId);
    progress.wanted = Math.max(progress.wanted, offset);
    if (progress.wanted - progress.told >= STEP_BYTES) await this.#flush(processId, progress);
    else if (progress.wanted > progress.told) {
      progress.timer ??= setTimeout(() => {
        // A connection that breaks is told about elsewhere; the next one begins at what is safe.
        this.#flush(processId, progress).catch(() => {});
      }, DELAY_MS);
    }
  }

  drop(processId: string): void {
    clearTimeout(this.#progress.get(processId)?.timer);
    this.#progress.delete(processId);
  }

  #of(processId: string): Progress {
    let progress = this.#progress.get(processId);
    if (!progress) {
      progress = { told: 0, wanted: 0, timer: undefined };
      this.#progress.set(processId, progress);
    }
    return progress;
  }

  async #flush(processId: string, progress: Progress): Promise<void> {
    clearTimeout(progress.timer);
    progress.timer = undefined;
    progress.told = progress.wanted;
    await this.#tell(processId, progress.told);
  }
}
