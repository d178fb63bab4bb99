import type { BuildEvent } from "../api/mod.ts";
import { formatDuration, formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { BuildScreen } from "./build_screen.ts";
import { type Step, stepName, type Steps } from "./build_steps.ts";
import { printable } from "./printable.ts";

/** Shows a build while it goes on. */
export interface BuildView {
  /** True if whoever looks has seen the logs of all steps. */
  readonly showsLogs: boolean;
  /** @param step The one that the event is about, the event applied. */
  show(event: BuildEvent, step: Step | undefined): void;
  /** Takes back what must not stay on the screen. */
  end(): void;
}

/** @param how `--progress`. */
export function chooseView(app: App, how: string, steps: Steps): BuildView {
  if (how === "rawjson") return new RawView(app);
  if (how === "quiet" || how === "none") return { showsLogs: false, show() {}, end() {} };
  if (how === "tty" || (how === "auto" && app.stderr.isTerminal)) {
    return new BuildScreen(app, steps);
  }
  return new PlainView(app);
}

/** The engine's own lines, for programs. */
class RawView implements BuildView {
  readonly showsLogs = true;
  readonly #app: App;

  constructor(app: App) {
    this.#app = app;
  }

  show(event: BuildEvent): void {
    if (event.kind !== "output") this.#app.stderr.line(JSON.stringify(event));
  }

  end(): void {}
}

/** A line for all that happens, each with its step's number: what a log file can hold. */
class PlainView implements BuildView {
  readonly showsLogs = true;
  readonly #app: App;
  /** What has come of a line, by step and stream. */
  readonly #begun = new Map<string, string>();
  readonly #decoders = new Map<string, TextDecoder>();
  readonly #phases = new Map<string, string>();
  #last: number | undefined;

  constructor(app: App) {
    this.#app = app;
  }

  show(event: BuildEvent, step: Step | undefined): void {
    if (!step) return;
    switch (event.kind) {
      case "step":
        return this.#line(step, printable(stepName(event)));
      case "cached":
        return this.#line(step, "cached");
      case "log":
        return this.#log(step, event);
      case "progress":
        return this.#progress(step, event);
      case "end":
        this.#flush(step);
        return this.#line(
          step,
          event.error === undefined
            ? `done ${formatDuration(event.ms)}`
            : `failed after ${formatDuration(event.ms)}: ${printable(event.error)}`,
        );
    }
  }

  end(): void {}

  #log(step: Step, { id, stream, data, time }: Extract<BuildEvent, { kind: "log" }>): void {
    const key = `${stream} ${id}`;
    const decoder = this.#decoders.get(key) ?? new TextDecoder();
    this.#decoders.set(key, decoder);
    const text = (this.#begun.get(key) ?? "") +
      decoder.decode(Uint8Array.fromBase64(data), { stream: true });
    const lines = text.split("\n");
    this.#begun.set(key, lines.pop()!);
    const seconds = Math.max(0, (time - step.event.time) / 1000).toFixed(2);
    this.#lines(step, lines.map((line) => `${seconds} ${line.replace(/\r$/, "")}`));
  }

  /** The end of a log that does not end in a line. */
  #flush(step: Step): void {
    for (const stream of ["stdout", "stderr"]) {
      const key = `${stream} ${step.event.id}`;
      const rest = this.#begun.get(key);
      if (rest) this.#line(step, rest);
      this.#begun.delete(key);
      this.#decoders.delete(key);
    }
  }

  /** Each phase of an item once. */
  #progress(step: Step, event: Extract<BuildEvent, { kind: "progress" }>): void {
    const key = `${event.item} ${event.id}`;
    if (this.#phases.get(key) === event.phase) return;
    this.#phases.set(key, event.phase);
    if (event.phase === "waiting") return;
    const size = event.total > 0 ? ` (${formatSize(event.total)})` : "";
    this.#line(step, `${shortItem(event.item)}: ${event.phase}${size}`);
  }

  #line(step: Step, text: string): void {
    this.#lines(step, [text]);
  }

  /** In one piece: a step may write a hundred thousand lines. */
  #lines({ number }: Step, lines: readonly string[]): void {
    if (lines.length === 0) return;
    const apart = this.#last !== undefined && this.#last !== number ? "\n" : "";
    this.#last = number;
    this.#app.stderr.write(apart + lines.map((line) => `#${number} ${line}\n`).join(""));
  }
}

export function shortItem(item: string): string {
  return printable(/^sha256:[0-9a-f]{64}$/.test(item) ? item.slice(7, 19) : item);
}
