import { CtrError, type Log } from "../core/mod.ts";
import { bootId } from "../host/mod.ts";
import type { Gate } from "./gate.ts";
import type { ContainerRecords } from "./records.ts";
import {
  afterEnd,
  afterReturn,
  NO_RESTARTS,
  type RestartRecord,
  type RunEnd,
} from "./restart_policy.ts";

export interface RestartParts {
  readonly id: string;
  readonly records: ContainerRecords;
  readonly log: Log;
  /** A host that has just booted has many to start: not all at once. */
  readonly gate: Gate;
  /** Starts it once more, unless it lives or is gone. Rejects if it cannot be started. */
  readonly again: () => Promise<void>;
  readonly onChange: () => void;
}

/**
 * Starts one container again as its policy wants. What is due is in its record, so an engine that is
 * killed leaves it to the next.
 */
export class Restarts {
  readonly #parts: RestartParts;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #released = false;

  constructor(parts: RestartParts) {
    this.#parts = parts;
  }

  /** True from an end that another start is to follow until that start has succeeded. */
  get waiting(): boolean {
    return this.#record?.nextAtMs !== undefined;
  }

  /** The record that goes with an end; the caller writes both together. */
  following(end: RunEnd): RestartRecord {
    const { config, restart = NO_RESTARTS } = this.#parts.records.get(this.#parts.id)!;
    return afterEnd(config.restart, restart, end);
  }

  /** Sets the clock of what is due. */
  schedule(): void {
    clearTimeout(this.#timer);
    const record = this.#record;
    if (this.#released || record?.nextAtMs === undefined) return;
    // A clock that was set back must not make anybody wait longer than the back-off says.
    const delayMs = Math.min(Math.max(record.nextAtMs - Date.now(), 0), record.delayMs);
    this.#timer = setTimeout(() => this.#fire(), delayMs);
  }

  /** Nothing is due any more, and nothing will be until somebody starts it. */
  async stoppedByHand(): Promise<void> {
    const stopped = await bootId();
    const record = this.#record;
    if (record === undefined) return; // it was removed
    clearTimeout(this.#timer);
    this.#write({ ...record, nextAtMs: undefined, stopped });
  }

  /** Takes over from an earlier engine: the container does not live and its end is recorded. */
  async adopt(): Promise<void> {
    const record = this.#record;
    const policy = this.#parts.records.get(this.#parts.id)?.config.restart;
    if (record === undefined || policy === undefined) return;
    const next = afterReturn(policy, record, { bootId: await bootId(), atMs: Date.now() });
    if (next !== record) this.#write(next);
    this.schedule();
  }

  /** The policy was changed: what it does not want any more is not done. */
  policyChanged(): void {
    const { config } = this.#parts.records.get(this.#parts.id)!;
    if (!this.waiting || config.restart.name !== "no") return;
    clearTimeout(this.#timer);
    this.#write({ ...this.#record!, nextAtMs: undefined });
  }

  release(): void {
    this.#released = true;
    clearTimeout(this.#timer);
  }

  async #fire(): Promise<void> {
    try {
      await this.#parts.gate.run(() => this.#again());
    } catch (error) {
      this.#parts.log.error("restart a container", { id: this.#parts.id, error });
    }
  }

  /** A start that fails counts like a run that ended at once. */
  async #again(): Promise<void> {
    const record = this.#record;
    if (this.#released || record?.nextAtMs === undefined) return;
    this.#write({ ...record, count: record.count + 1 });
    try {
      await this.#parts.again();
    } catch (error) {
      const { log, id } = this.#parts;
      if (this.#released || !this.waiting) return;
      log.warn("a container could not be restarted", { id, error });
      const next = this.following({ status: 255, atMs: Date.now(), ranMs: 0 });
      this.#write({ ...next, error: error instanceof Error ? error.message : String(error) });
      this.schedule();
    }
  }

  get #record(): RestartRecord | undefined {
    const record = this.#parts.records.get(this.#parts.id);
    return record && (record.restart ?? NO_RESTARTS);
  }

  /** A full disk takes no record: for this engine it holds all the same. */
  #write(restart: RestartRecord): void {
    try {
      this.#parts.records.update(this.#parts.id, { restart });
    } catch (error) {
      if (error instanceof CtrError) throw error;
      this.#parts.log.error("record a restart", { id: this.#parts.id, error });
    }
    this.#parts.onChange();
  }
}
