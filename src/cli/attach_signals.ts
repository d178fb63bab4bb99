const FORWARDED = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
/** Someone who asks three times does not want to wait any longer. */
const PATIENCE = 3;

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

  constructor() {
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

  /** The first signal that asked us to end and was not forwarded. */
  get pending(): string | undefined {
    return this.#waiting.find((signal) => signal !== "SIGUSR1" && signal !== "SIGUSR2");
  }

  #caught(signal: (typeof FORWARDED)[number]): void {
    if (signal === "SIGINT" || signal === "SIGTERM") this.#asked++;
    if (this.#asked >= PATIENCE && this.#abandon) return this.#abandon();
    if (this.#handler) this.#handler(signal.slice(3));
    else this.#waiting.push(signal);
  }
}
