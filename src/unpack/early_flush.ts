/**
 * Starts to flush while a disk is still being written, on another thread of the runtime, so that the flush at
 * the end finds little to do. An open file of its own: one that is being flushed cannot be written through.
 */
const STEP = 1 << 25; // bytes

export class EarlyFlush implements Disposable {
  readonly #file: Deno.FsFile;
  #since = 0;
  #running: Promise<void> | undefined;

  constructor(path: string) {
    this.#file = Deno.openSync(path, { write: true });
  }

  /** Notes that about so many bytes more were written. Never waits. */
  wrote(bytes: number): void {
    this.#since += bytes;
    if (this.#since < STEP || this.#running) return;
    this.#since = 0;
    // Only a head start: whether the bytes are safe is for the flush at the end to say.
    this.#running = this.#file.syncData().catch(() => {}).then(() => {
      this.#running = undefined;
    });
  }

  [Symbol.dispose](): void {
    const close = () => this.#file.close();
    if (this.#running) this.#running.then(close);
    else close();
  }
}
