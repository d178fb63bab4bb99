import type { Progress } from "../api/mod.ts";
import { formatDuration, formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { LiveLines } from "./live_lines.ts";
import { type ProgressView, shortDigest } from "./progress.ts";
import { Rate } from "./rate.ts";
import { terminalSize } from "./terminal.ts";

type Layer = Progress & { kind: "layer" };

const REDRAW_MS = 80;
/** Without news the rate falls all the same. */
const IDLE_REDRAW_MS = 500;
const BAR = 24;
/** What stands around a bar: digest, brackets, phase, sizes. */
const BESIDE_BAR = 52;

const FINISHED: readonly string[] = ["done", "exists", "mounted"];

/** A bar per layer and a line for the whole, with rate and time left, drawn over and over. */
export class TerminalProgress implements ProgressView {
  readonly #title: string;
  readonly #color: boolean;
  readonly #lines: LiveLines;
  readonly #now: () => number;
  readonly #layers = new Map<string, Layer>();
  readonly #rate = new Rate();
  readonly #timer: ReturnType<typeof setInterval>;
  #message = "";
  #drawnAt = -Infinity;

  constructor(
    app: Pick<App, "stderr" | "color" | "onRestore">,
    title: string,
    { color = app.color, size = terminalSize, now = () => performance.now() } = {},
  ) {
    this.#title = title;
    this.#color = color;
    this.#now = now;
    this.#lines = new LiveLines(app.stderr, size);
    this.#timer = setInterval(() => this.#refresh(), IDLE_REDRAW_MS);
    app.onRestore(() => this.end());
  }

  show(progress: Progress): void {
    if (progress.kind === "message") this.#message = progress.text;
    if (progress.kind === "layer") this.#layers.set(progress.digest, progress);
    this.#refresh();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#lines.clear();
  }

  #refresh(): void {
    const now = this.#now();
    if (now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    const { rows, columns } = this.#lines.room;
    this.#lines.draw([this.#summary(now), ...this.#bars(rows - 1, columns)]);
  }

  #summary(now: number): string {
    let current = 0;
    let total = 0;
    for (const layer of this.#layers.values()) {
      if (layer.phase === "exists" || layer.phase === "mounted") continue;
      current += layer.phase === "done" ? layer.total : layer.current;
      total += layer.total;
    }
    if (total === 0) return `${this.#title} ${this.#message}`.trimEnd();
    this.#rate.add(current, now);
    const rate = this.#rate.perSecond;
    const leftMs = rate > 0 && current < total ? (total - current) / rate * 1000 : 0;
    const left = leftMs > 0 && leftMs < 86_400_000 ? `, ${formatDuration(leftMs)} left` : "";
    const sizes = `${formatSize(current)} of ${formatSize(total)}`;
    return `${this.#title}: ${sizes}, ${formatSize(Math.round(rate))}/s${left}`;
  }

  #bars(most: number, columns: number): string[] {
    const layers = [...this.#layers.values()];
    const busy = layers.filter((layer) => !FINISHED.includes(layer.phase));
    // Where not all fit, those that still move are what one wants to see.
    const shown = layers.length <= most ? layers : busy.slice(0, Math.max(0, most));
    const width = Math.max(0, Math.min(BAR, columns - BESIDE_BAR));
    return shown.map((layer) => this.#bar(layer, width));
  }

  #bar({ digest, phase, current, total }: Layer, width: number): string {
    const share = FINISHED.includes(phase) ? 1 : total > 0 ? Math.min(1, current / total) : 0;
    const full = Math.round(share * width);
    const bar = this.#color
      ? `\x1b[32m${"━".repeat(full)}\x1b[0m${" ".repeat(width - full)}`
      : `${"#".repeat(full)}${" ".repeat(width - full)}`;
    const sizes = share === 1 || current === 0
      ? formatSize(total)
      : `${formatSize(current)} / ${formatSize(total)}`;
    return [shortDigest(digest), ...width > 3 ? [`[${bar}]`] : [], phase, sizes].join(" ");
  }
}
