const FORWARDED = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
/** Someone who asks three times does not want to wait any longer. */
const PATIENCE = 3;

/** 128 + the number of those that ask us to end. */
const STATUS: Readonly<Record<string, number>> = {
  SIGHUP: 129,
  SIGINT: 130,
  SIGQUIT: 131,
  SIGTERM: 143,
};

/** A signal ended us before the process began. Nothing is printed: whoever sent it knows. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";

  constructor(readonly status: number) {
    super(`ended by a signal (${status})`);
  }
}

export type SignalHandler = (name: string) => void;

/**
 * Catches the signals that are meant for the process, from now on.
 *
 * They wait until somebody takes them: what arrives while the container is made is not lost.
 */
export class Signals {
  readonly #waiting: string[] = [];
  #handler: SignalHandler | undefined;
  #asked = 0;
  #abandon: (() => void) | undefined;
  readonly #interrupted = Promise.withResolvers<never>();

  constructor() {
    this.#interrupted.promise.catch(() => {}); // whoever waits for it hears of it
    for (const signal of FORWARDED) {
      Deno.addSignalListener(signal, () => this.#caught(signal));
    }
  }

  /** @param abandon Called at the third request to end; undefined with a terminal. */
  forward(handler: SignalHandler, abandon: (() => void) | undefined): void {
    this.#handler = handler;
    this.#abandon = abandon;
    for (const signal of this.#waiting.splice(0)) handler(signal.slice(3));
  }

  /** Rejects when we are asked to end before there is a process to ask. */
  get interrupted(): Promise<never> {
    return this.#interrupted.promise;
  }

  /** @throws {Interrupted} */
  throwIfInterrupted(): void {
    const signal = this.#waiting.find((name) => name in STATUS);
    if (signal !== undefined) throw new Interrupted(STATUS[signal]!);
  }

  #caught(signal: (typeof FORWARDED)[number]): void {
    if (signal === "SIGINT" || signal === "SIGTERM") this.#asked++;
    if (this.#asked >= PATIENCE && this.#abandon) return this.#abandon();
    if (this.#handler) this.#handler(signal.slice(3));
    else {
      this.#waiting.push(signal);
      if (signal in STATUS) this.#interrupted.reject(new Interrupted(STATUS[signal]!));
    }
  }
}
