import type { Timing } from "../api/mod.ts";
import type { GuestStep } from "../guest/mod.ts";

type Phase = Timing["phases"][number];

/** Writes down how a start was spent. Phases may overlap. */
export class Stopwatch {
  readonly #beganAt: number;
  readonly #phases: Phase[] = [];

  /** @param beganAt Unix milliseconds. */
  constructor(beganAt = now()) {
    this.#beganAt = beganAt;
  }

  async measure<T>(name: string, work: () => Promise<T>): Promise<T> {
    const began = now();
    try {
      return await work();
    } finally {
      this.add(name, began, now());
    }
  }

  /** @param began @param ended Unix milliseconds. */
  add(name: string, began: number, ended: number, steps: Phase["steps"] = []): void {
    this.#phases.push({
      name,
      beganMs: round(began - this.#beganAt),
      tookMs: round(Math.max(0, ended - began)),
      steps,
    });
  }

  /**
   * The guest's part, between the VMM's end and the first answer.
   *
   * The two clocks meet where the guest began to listen, which is where its last boot step ends; what
   * passed until our first call went through is counted with it.
   */
  addBoot(spawned: number, connected: number, steps: readonly GuestStep[]): void {
    const first = steps[0];
    const last = steps.at(-1);
    const took = first && last ? last.beganMs + last.tookMs - first.beganMs : 0;
    const init = Math.max(spawned, connected - took);
    this.add("kernel", spawned, init);
    this.add("vminitd", init, connected, named(steps));
  }

  timing(): Timing {
    const phases = this.#phases.toSorted((a, b) => a.beganMs - b.beganMs);
    return { beganAt: this.#beganAt, phases };
  }
}

export function named(steps: readonly GuestStep[]): Phase["steps"] {
  return steps.map(({ name, tookMs }) => ({ name, tookMs: round(tookMs) }));
}

/** Unix milliseconds with a fraction, on a clock that does not jump. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
