import type { BuildEvent } from "../api/mod.ts";
import { formatDuration, formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { type Step, stepName, type Steps } from "./build_steps.ts";
import { type BuildView, shortItem } from "./build_view.ts";
import { LiveLines } from "./live_lines.ts";
import { printable } from "./printable.ts";
import { terminalSize } from "./terminal.ts";

const REDRAW_MS = 80;
const IDLE_REDRAW_MS = 250;
/** Of a step that runs. */
const LOG_LINES = 6;
/** A step that ends sooner, and does nothing that a person asked for, is not worth a line. */
const SHORT_MS = 300;

/** Steps that have ended, a line each; below them, drawn over and over, those that run with the end of their logs. */
export class BuildScreen implements BuildView {
  readonly showsLogs = false;
  readonly #app: Pick<App, "stderr" | "color" | "onRestore">;
  readonly #steps: Steps;
  readonly #lines: LiveLines;
  readonly #now: () => number;
  readonly #began: number;
  readonly #timer: ReturnType<typeof setInterval>;
  #drawnAt = -Infinity;
  #ended = false;

  constructor(
    app: Pick<App, "stderr" | "color" | "onRestore">,
    steps: Steps,
    { size = terminalSize, now = () => Date.now() } = {},
  ) {
    this.#app = app;
    this.#steps = steps;
    this.#now = now;
    this.#began = now();
    this.#lines = new LiveLines(app.stderr, size);
    this.#timer = setInterval(() => this.#refresh(), IDLE_REDRAW_MS);
    app.onRestore(() => this.end());
  }

  show(event: BuildEvent, step: Step | undefined): void {
    if (step && (event.kind === "end" || event.kind === "cached")) this.#fold(step);
    this.#refresh();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    this.#lines.clear();
  }

  /** Leaves a line behind for good. */
  #fold({ event, ended }: Step): void {
    if (!ended) return;
    const own = event.stage === undefined;
    const failed = ended.kind === "end" && ended.error !== undefined;
    if (own && !failed && ended.kind === "end" && ended.ms < SHORT_MS) return;
    const took = ended.kind === "cached" ? "cached" : formatDuration(ended.ms);
    const color = failed ? "31" : ended.kind === "cached" ? "36" : "32";
    this.#lines.clear();
    this.#drawnAt = -Infinity;
    const name = printable(stepName(event));
    this.#app.stderr.line(`${this.#colored(column(failed ? "failed" : took), color)} ${name}`);
  }

  #refresh(): void {
    const now = this.#now();
    if (this.#ended || now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    this.#lines.draw(this.#live(this.#lines.room.rows));
  }

  #live(rows: number): string[] {
    const { running, all } = this.#steps;
    const cached = all.filter(({ ended }) => ended?.kind === "cached").length;
    const took = formatDuration(Math.max(0, this.#now() - this.#began));
    const done = all.length - running.length;
    const head = `building ${took}: ${done} steps done, ${cached} of them cached`;
    const shown = running.slice(0, Math.max(1, rows - 1));
    const free = Math.max(0, rows - 1 - shown.length);
    const each = Math.min(LOG_LINES, Math.floor(free / Math.max(1, shown.length)));
    return [...shown.flatMap((step) => this.#running(step, each)), head];
  }

  #running(step: Step, most: number): string[] {
    const took = formatDuration(Math.max(0, this.#now() - step.event.time));
    const moving = [...step.items.values()].filter(({ current, total }) =>
      total === 0 || current < total
    ).map((item) => `${shortItem(item.item)}: ${item.phase} ${amount(item)}`);
    const details = [...moving, ...step.log.lastLines(most)].slice(-most);
    return [
      `${column(took)} ${printable(stepName(step.event))}`,
      ...(most > 0 ? details : []).map((line) => this.#colored(`${column("|")} ${line}`, "2")),
    ];
  }

  #colored(text: string, code: string): string {
    return this.#app.color ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

function column(text: string): string {
  return text.padStart(7);
}

function amount({ current, total }: { current: number; total: number }): string {
  if (total > 0) return `${formatSize(current)} / ${formatSize(total)}`;
  return current > 0 ? formatSize(current) : "";
}
