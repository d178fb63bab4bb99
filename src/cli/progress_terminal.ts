import type { Progress } from "../api/mod.ts";
import { formatDuration, formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { type ProgressView, shortDigest } from "./progress.ts";
import { terminalSize } from "./terminal.ts";

type Layer = Progress & { kind: "layer" };

const REDRAW_MS = 80;
const BAR = 24;

/** A bar per layer and a line for the whole, with rate and time left, drawn over and over. */
export class TerminalProgress implements ProgressView {
  readonly #app: App;
  readonly #title: string;
  readonly #layers = new Map<string, Layer>();
  readonly #began = performance.now();
  #message = "";
  #drawnLines = 0;
  #drawnAt = -Infinity;

  constructor(app: App, title: string) {
    this.#app = app;
    this.#title = title;
    app.onRestore(() => this.end());
  }

  show(progress: Progress): void {
    if (progress.kind === "message") this.#message = progress.text;
    if (progress.kind === "layer") this.#layers.set(progress.digest, progress);
    const now = performance.now();
    if (now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    this.#draw();
  }

  end(): void {
    if (this.#drawnLines > 0) this.#app.stderr.write(`\x1b[${this.#drawnLines}A\r\x1b[J`);
    this.#drawnLines = 0;
  }

  #draw(): void {
    const { columns, rows } = terminalSize() ?? { columns: 80, rows: 24 };
    const lines = [this.#summary(), ...this.#bars(rows - 2)]
      .map((line) => clipped(line, columns - 1));
    const back = this.#drawnLines > 0 ? `\x1b[${this.#drawnLines}A\r` : "";
    // Cleared behind each line, not before all of them: a cleared screen flickers.
    this.#app.stderr.write(`${back}${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`);
    this.#drawnLines = lines.length;
  }

  #summary(): string {
    let current = 0;
    let total = 0;
    for (const layer of this.#layers.values()) {
      if (layer.phase === "exists" || layer.phase === "mounted") continue;
      current += layer.phase === "done" ? layer.total : layer.current;
      total += layer.total;
    }
    if (total === 0) return `${this.#title} ${this.#message}`;
    const seconds = (performance.now() - this.#began) / 1000;
    const rate = current / Math.max(seconds, 0.001);
    const left = rate > 0 && current < total
      ? `, ${formatDuration((total - current) / rate * 1000)} left`
      : "";
    const sizes = `${formatSize(current)} of ${formatSize(total)}`;
    return `${this.#title}: ${sizes}, ${formatSize(rate)}/s${left}`;
  }

  #bars(most: number): string[] {
    const layers = [...this.#layers.values()];
    const busy = layers.filter((layer) => !["done", "exists", "mounted"].includes(layer.phase));
    // Where not all fit, those that still move are what one wants to see.
    const shown = layers.length <= most ? layers : busy.slice(0, Math.max(0, most));
    return shown.map((layer) => {
      const finished = ["done", "exists", "mounted"].includes(layer.phase);
      const share = finished ? 1 : layer.total > 0 ? layer.current / layer.total : 0;
      const full = Math.min(BAR, Math.round(share * BAR));
      const bar = this.#app.color
        ? `\x1b[32m${"━".repeat(full)}\x1b[0m${" ".repeat(BAR - full)}`
        : `${"#".repeat(full)}${" ".repeat(BAR - full)}`;
      return `${shortDigest(layer.digest)} [${bar}] ${layer.phase} ${formatSize(layer.total)}`;
    });
  }
}

/** Cut to a width, not counting colours. */
function clipped(line: string, width: number): string {
  let left = width;
  // deno-lint-ignore no-control-regex
  return line.replaceAll(/\x1b\[\d*m|./gu, (part) => {
    if (part.length > 1 && part.startsWith("\x1b")) return part;
    return left-- > 0 ? part : "";
  });
}
