/** Calls `end` when nothing has happened for a while and nothing is going on. */
export class Idle {
  readonly #timeoutMs: number;
  readonly #busy: () => boolean;
  readonly #end: () => void;
  #requests = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(timeoutMs: number, busy: () => boolean, end: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#busy = busy;
    this.#end = end;
    this.touch();
  }

  /** Something has happened: time is counted from now on. */
  touch(): void {
    clearTimeout(this.#timer);
    if (this.#requests > 0) return;
    this.#timer = setTimeout(() => this.#look(), this.#timeoutMs);
  }

  enter(): void {
    this.#requests++;
    clearTimeout(this.#timer);
  }

  leave(): void {
    this.#requests--;
    this.touch();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#requests = Infinity;
  }

  #look(): void {
    if (this.#requests > 0) return;
    if (this.#busy()) this.touch();
    else this.#end();
  }
}
