import { Duplex } from "node:stream";

/** Two ends of one connection: what is written to one is read from the other, end and close too. */
export function duplexPair(): [Duplex, Duplex] {
  const a = new End();
  const b = new End();
  a.other = b;
  b.other = a;
  return [a, b];
}

class End extends Duplex {
  other!: End;
  #taken: (() => void) | undefined;

  constructor() {
    super({ allowHalfOpen: true });
  }

  override _read(): void {
    this.#taken?.();
    this.#taken = undefined;
  }

  override _write(
    chunk: Uint8Array,
    _encoding: string,
    done: (error?: Error | null) => void,
  ): void {
    if (this.other.destroyed) return done(new Error("the other end is closed"));
    if (this.other.push(chunk)) done();
    else this.other.#taken = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    if (!this.other.destroyed) this.other.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#taken?.();
    done(error);
    if (!this.other.destroyed) queueMicrotask(() => this.other.destroy());
  }
}
