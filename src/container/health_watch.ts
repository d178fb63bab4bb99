import type { Health } from "../api/mod.ts";
import type { RunningVm } from "../vm/mod.ts";
import { type HealthPlan, probeArguments } from "./health_plan.ts";
import { type ProbeResult, runProbe } from "./probe.ts";
import type { ContainerConfig } from "./types.ts";

const PROBES_KEPT = 5;

export const UNKNOWN_HEALTH: Health = { state: "starting", failingStreak: 0, probes: [] };

export interface HealthParts {
  readonly vm: RunningVm;
  readonly config: () => ContainerConfig;
  readonly plan: HealthPlan;
  /** When the container's first process began, Unix milliseconds. */
  readonly startedMs: number;
  /** Where an earlier engine left off. */
  readonly health: Health;
  /** Called after each probe. */
  readonly onProbe: (now: Health, before: Health) => void;
}

/**
 * Probes one running container, one probe at a time: the next begins an interval after the last has
 * ended.
 */
export class HealthWatch {
  readonly #parts: HealthParts;
  #health: Health;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #probing: AbortController | undefined;

  constructor(parts: HealthParts) {
    this.#parts = parts;
    this.#health = parts.health;
  }

  get health(): Health {
    return this.#health;
  }

  /** Begins, or goes on after `hold()`. */
  begin(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#probe(), this.#delayMs());
  }

  /** No probe from now on; one that runs is ended and counts for nothing. */
  hold(): void {
    clearTimeout(this.#timer);
    this.#probing?.abort(new Error("no probe is wanted"));
    this.#probing = undefined;
  }

  /** What an earlier engine has waited already is not waited again. */
  #delayMs(): number {
    const { plan, startedMs } = this.#parts;
    const last = this.#health.probes.at(-1);
    const since = last ? Date.parse(last.finishedAt) : startedMs;
    const interval = this.#starting
      ? Math.min(plan.startIntervalMs, plan.intervalMs)
      : plan.intervalMs;
    return Math.min(Math.max(since + interval - Date.now(), 0), interval);
  }

  /** Failures do not count yet. */
  get #starting(): boolean {
    const { plan, startedMs } = this.#parts;
    return this.#health.state === "starting" && Date.now() < startedMs + plan.startPeriodMs;
  }

  async #probe(): Promise<void> {
    const { vm, config, plan } = this.#parts;
    const probing = new AbortController();
    this.#probing = probing;
    const startedAt = new Date().toISOString();
    const { signal } = probing;
    const result = await runProbe(
      vm,
      config(),
      { args: probeArguments(plan) },
      plan.timeoutMs,
      signal,
    );
    if (result === undefined || signal.aborted) return;
    this.#probing = undefined;
    const before = this.#health;
    this.#health = this.#after(result, startedAt);
    this.begin();
    this.#parts.onProbe(this.#health, before);
  }

  #after(result: ProbeResult, startedAt: string): Health {
    const { state, failingStreak, probes } = this.#health;
    const probe = { startedAt, finishedAt: new Date().toISOString(), ...result };
    const kept = [...probes, probe].slice(-PROBES_KEPT);
    if (result.exitStatus === 0) return { state: "healthy", failingStreak: 0, probes: kept };
    if (this.#starting) return { state, failingStreak: 0, probes: kept };
    const streak = failingStreak + 1;
    return {
      state: streak >= this.#parts.plan.retries ? "unhealthy" : state,
      failingStreak: streak,
      probes: kept,
    };
  }
}
