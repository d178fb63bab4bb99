/** Tells of a build while it goes on. */
import type { BuildEvent } from "../api/mod.ts";

type Emit = (event: BuildEvent) => void | Promise<void>;

export interface StepFacts {
  readonly id: string;
  readonly title: string;
  readonly platform?: string | undefined;
  readonly stage?: string | undefined;
  readonly index?: number | undefined;
  readonly total?: number | undefined;
  readonly lines?: { readonly file: string; readonly first: number; readonly last: number };
}

const MOST_LOG = 48 * 1024;
/** A number is told this often at most. */
const PROGRESS_MS = 100;

export class Reporter {
  readonly #emit: Emit;
  #notices = 0;
  readonly counts = { total: 0, cached: 0, run: 0 };

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** @param counted It is a step of the Dockerfile, which the summary counts. */
  step(facts: StepFacts, counted: boolean): StepReport {
    if (counted) this.counts.total++;
    const { id, title, platform, stage, index, total, lines } = facts;
    this.tell({
      kind: "step",
      id,
      title,
      ...(platform !== undefined && { platform }),
      ...(stage !== undefined && { stage }),
      ...(index !== undefined && { index }),
      ...(total !== undefined && { total }),
      ...(lines !== undefined && { lines }),
      time: Date.now(),
    });
    return new StepReport(this, id, counted);
  }

  tell(event: BuildEvent): void | Promise<void> {
    return this.#emit(event);
  }

  /** Something of the builder's own that takes long. */
  /** Something that takes long and is no step of the Dockerfile. @param over Whoever needs it meets its failure. */
  notice(text: string, over: Promise<unknown>): void {
    const step = this.step({ id: `notice ${++this.#notices}`, title: text }, false);
    over.then(() => step.end(), (error) => step.end(error));
  }

  warn(message: string): void {
    this.tell({ kind: "warning", finding: { message } });
  }
}

export class StepReport {
  readonly id: string;
  readonly #reporter: Reporter;
  readonly #counted: boolean;
  readonly #beganMs = performance.now();
  readonly #told = new Map<string, { phase: string; atMs: number }>();
  #over = false;

  constructor(reporter: Reporter, id: string, counted: boolean) {
    this.#reporter = reporter;
    this.id = id;
    this.#counted = counted;
  }

  cached(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#counted) this.#reporter.counts.cached++;
    this.#reporter.tell({ kind: "cached", id: this.id, time: Date.now() });
  }

  end(error?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#counted && error === undefined) this.#reporter.counts.run++;
    const text = error instanceof Error ? error.message : String(error);
    this.#reporter.tell({
      kind: "end",
      id: this.id,
      ms: Math.round(performance.now() - this.#beganMs),
      ...(error !== undefined && { error: text.split("\n", 1)[0]! }),
      time: Date.now(),
    });
  }

  async log(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += MOST_LOG) {
      const data = bytes.subarray(at, at + MOST_LOG).toBase64();
      await this.#reporter.tell({ kind: "log", id: this.id, stream, data, time: Date.now() });
    }
  }

  notice(text: string): void {
    this.log("stderr", new TextEncoder().encode(`${text}\n`));
  }

  progress(item: string, phase: string, current: number, total: number): void {
    const told = this.#told.get(item);
    const atMs = performance.now();
    if (told?.phase === phase && atMs - told.atMs < PROGRESS_MS) return;
    this.#told.set(item, { phase, atMs });
    this.#reporter.tell({
      kind: "progress",
      id: this.id,
      item,
      phase,
      current,
      total,
      time: Date.now(),
    });
  }
}
