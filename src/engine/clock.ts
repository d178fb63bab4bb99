/** How far guests' clocks may run away. */
const REGULAR_MS = 60_000;
/** How often it is looked whether the host has slept. */
const LOOK_MS = 2000;
/** A wall clock that moves this much against the other has been set, or has gone on while the host slept. */
const JUMP_MS = 1000;

/** Both clocks of the host, in milliseconds. */
export interface HostClocks {
  /** Wall-clock time. */
  wall(): number;
  /** Never set, and still while the host sleeps. */
  steady(): number;
}

const CLOCKS: HostClocks = { wall: Date.now, steady: () => performance.now() };

/**
 * Tells when guests must be told the time: every minute, and at once when this host's clock has jumped,
 * which it does when the host wakes up. A guest's clock stands still meanwhile.
 */
export class ClockWatch {
  readonly #setTime: () => void;
  readonly #clocks: HostClocks;
  readonly #timer: ReturnType<typeof setInterval>;
  #offset: number;
  #dueAt: number;

  constructor(setTime: () => void, clocks = CLOCKS) {
    this.#setTime = setTime;
    this.#clocks = clocks;
    this.#offset = clocks.wall() - clocks.steady();
    this.#dueAt = clocks.steady() + REGULAR_MS;
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    Deno.unrefTimer(this.#timer);
  }

  look(): void {
    const steady = this.#clocks.steady();
    const offset = this.#clocks.wall() - steady;
    const jumped = Math.abs(offset - this.#offset) > JUMP_MS;
    if (!jumped && steady < this.#dueAt) return;
    this.#offset = offset;
    this.#dueAt = steady + REGULAR_MS;
    this.#setTime();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
