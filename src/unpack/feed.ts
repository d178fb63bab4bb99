/**
 * Moves a stream into the decoder. A few buffers go back and forth: chunks from the network are collected in
 * them, so that a small chunk costs no message and no chunk becomes garbage of another thread.
 */
import type { LayerSource } from "./types.ts";
import type { UnpackWorker } from "./worker_pool.ts";

const BUFFER = 1 << 18;
const BUFFERS = 4;

export class Feed {
  readonly #decoder: UnpackWorker;
  readonly #idle: ArrayBuffer[] = [];
  #made = 0;
  #current: Uint8Array<ArrayBuffer> | undefined;
  #length = 0;
  #waiting: PromiseWithResolvers<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(decoder: UnpackWorker) {
    this.#decoder = decoder;
  }

  /** A buffer has come back. */
  taken(buffer: ArrayBuffer): void {
    this.#idle.push(buffer);
    this.#waiting?.resolve();
  }

  /** Ends `run`, even while its source hangs. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#waiting?.reject(this.#failure.error);
  }

  /** @throws what {@linkcode fail} was told, or what the source throws. */
  async run(source: Exclude<LayerSource, string>): Promise<void> {
    const iterator = source[Symbol.asyncIterator]();
    let ended = false;
    try {
      for (;;) {
        const next = await this.#next(iterator);
        if (next.done) break;
        await this.#put(next.value);
      }
      ended = true;
    } finally {
      // A source that hangs must not keep the error back, so nobody waits for this.
      if (!ended) iterator.return?.()?.catch(() => {});
    }
    if (this.#length > 0) this.#send();
    this.#decoder.post({ job: "end" });
  }

  #next(iterator: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    // A promise of its own for each step: one that all steps race against would remember them all.
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure.error);
      this.#waiting = { promise: Promise.resolve(), resolve: () => {}, reject };
      iterator.next().then(resolve, reject);
    });
  }

  async #put(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      this.#current ??= new Uint8Array(await this.#buffer());
      const take = Math.min(BUFFER - this.#length, bytes.length - at);
      this.#current.set(bytes.subarray(at, at + take), this.#length);
      this.#length += take;
      at += take;
      if (this.#length === BUFFER) this.#send();
    }
  }

  async #buffer(): Promise<ArrayBuffer> {
    if (this.#idle.length === 0 && this.#made < BUFFERS) {
      this.#made++;
      return new ArrayBuffer(BUFFER);
    }
    while (this.#idle.length === 0) {
      this.#waiting = Promise.withResolvers();
      if (this.#failure) throw this.#failure.error;
      await this.#waiting.promise;
    }
    return this.#idle.pop()!;
  }

  #send(): void {
    const { buffer } = this.#current!;
    this.#decoder.post({ job: "chunk", buffer, length: this.#length }, [buffer]);
    this.#current = undefined;
    this.#length = 0;
  }
}
