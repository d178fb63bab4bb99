import type { BuildEvent } from "../api/mod.ts";

export type StepEvent = Extract<BuildEvent, { kind: "step" }>;
type Ended = Extract<BuildEvent, { kind: "end" | "cached" }>;

/** Most of a step's log that is kept: what comes first goes first. */
const MOST_LOG = 8 * 1024 * 1024;

/** A step of a build, with what it has said. */
export interface Step {
  readonly number: number;
  readonly event: StepEvent;
  /** Complete lines, and what has come of the next one. */
  readonly log: StepLog;
  /** What moves, by its name: a layer, a file. */
  readonly items: Map<string, Extract<BuildEvent, { kind: "progress" }>>;
  ended: Ended | undefined;
}

/** The steps of a build in the order in which they began. */
export class Steps {
  readonly #steps = new Map<string, Step>();

  get all(): Step[] {
    return [...this.#steps.values()];
  }

  get running(): Step[] {
    return this.all.filter(({ ended }) => ended === undefined);
  }

  find(id: string | undefined): Step | undefined {
    return id === undefined ? undefined : this.#steps.get(id);
  }

  /** @returns The step that the event is about. */
  apply(event: BuildEvent): Step | undefined {
    if (event.kind === "step") {
      const step: Step = {
        number: this.#steps.size + 1,
        event,
        log: new StepLog(),
        items: new Map(),
        ended: undefined,
      };
      this.#steps.set(event.id, step);
      return step;
    }
    const step = "id" in event ? this.find(event.id) : undefined;
    if (!step) return undefined;
    if (event.kind === "log") step.log.add(Uint8Array.fromBase64(event.data));
    if (event.kind === "progress") step.items.set(event.item, event);
    if (event.kind === "end" || event.kind === "cached") {
      step.ended = event;
      step.items.clear();
      const failed = event.kind === "end" && event.error !== undefined;
      if (!failed) step.log.forget();
    }
    return step;
  }
}

/** What a step has written, both streams as they came. */
export class StepLog {
  readonly #pieces: Uint8Array[] = [];
  #size = 0;
  #dropped = 0;
  readonly #decoder = new TextDecoder();
  /** The last lines, for a terminal. */
  readonly #last: string[] = [""];

  add(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#size += bytes.length;
    while (this.#size > MOST_LOG && this.#pieces.length > 1) {
      const first = this.#pieces.shift()!;
      this.#size -= first.length;
      this.#dropped += first.length;
    }
    const [begun = "", ...more] = this.#decoder.decode(bytes, { stream: true }).split("\n");
    this.#last[this.#last.length - 1] += begun;
    this.#last.push(...more);
    this.#last.splice(0, this.#last.length - LAST_LINES);
    this.#last[this.#last.length - 1] = this.#last.at(-1)!.slice(-MOST_LINE);
  }

  /** Bytes at the beginning that were too many to keep. */
  get dropped(): number {
    return this.#dropped;
  }

  get size(): number {
    return this.#size;
  }

  pieces(): readonly Uint8Array[] {
    return this.#pieces;
  }

  /** What a person would see last. */
  lastLines(count: number): string[] {
    return this.#last.map(visible).filter((line) => line !== "").slice(-count);
  }

  forget(): void {
    this.#pieces.length = 0;
    this.#size = 0;
  }
}

const LAST_LINES = 12;
const MOST_LINE = 4096;

/** Without what moves a terminal; of a line that was drawn over and over, what it was last. */
function visible(line: string): string {
  const shown = line.replace(/\r+$/, "").split("\r").at(-1)!;
  // deno-lint-ignore no-control-regex
  return shown.replace(/\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|.)/g, "")
    // deno-lint-ignore no-control-regex
    .replace(/\t/g, "    ").replace(/[\x00-\x1f\x7f-\x9f]/g, "").trimEnd();
}

/** `[linux/arm64 build 2/5] RUN make`. */
export function stepName({ platform, stage, index, total, title }: StepEvent): string {
  const place = [
    ...platform === undefined ? [] : [platform],
    ...stage === undefined ? [] : [stage],
    ...index === undefined || total === undefined ? [] : [`${index}/${total}`],
  ].join(" ");
  return place === "" ? title : `[${place}] ${title}`;
}
