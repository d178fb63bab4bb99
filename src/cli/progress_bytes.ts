import { formatDuration, formatSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { LiveLines } from "./live_lines.ts";
import { Rate } from "./rate.ts";
import { terminalSize } from "./terminal.ts";

const REDRAW_MS = 100;
/** What is over by then needs no progress. */
const PATIENCE_MS = 500;

/** Counts what is carried, on a line of the terminal; elsewhere nothing is shown. */
export interface ByteProgress extends Disposable {
  /** The same chunks; each is counted as it passes. */
  count<T extends Chunks>(chunks: T): T | AsyncIterable<Uint8Array>;
}

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Progress of bytes that the CLI itself carries.
 *
 * @param how `--progress`: `auto`, `tty`, …; `plain`, `json` and `none` show nothing here.
 * @param title Such as `copying web:/srv`.
 * @param total Bytes, where that is known.
 */
export function byteProgress(
  app: Pick<App, "stderr" | "onRestore">,
  how: string,
  title: string,
  total?: number,
): ByteProgress {
  const shown = ["tty", "ansi", "color"].includes(how) || (how === "auto" && app.stderr.isTerminal);
  if (!shown) return { count: (chunks) => chunks, [Symbol.dispose]() {} };
  const lines = new LiveLines(app.stderr, terminalSize);
  const rate = new Rate();
  const began = performance.now();
  let done = 0;
  let drawnAt = began + PATIENCE_MS - REDRAW_MS;
  const refresh = () => {
    const now = performance.now();
    if (now - drawnAt < REDRAW_MS) return;
    drawnAt = now;
    rate.add(done, now);
    const perSecond = rate.perSecond;
    const left = total !== undefined && perSecond > 0 && done < total
      ? `, ${formatDuration((total - done) / perSecond * 1000)} left`
      : "";
    const of = total === undefined ? "" : ` of ${formatSize(total)}`;
    lines.draw([
      `${title}: ${formatSize(done)}${of}, ${formatSize(Math.round(perSecond))}/s${left}`,
    ]);
  };
  const timer = setInterval(refresh, PATIENCE_MS);
  const end = () => {
    clearInterval(timer);
    lines.clear();
  };
  app.onRestore(end);
  return {
    async *count(chunks) {
      for await (const chunk of chunks as Chunks) {
        done += chunk.length;
        refresh();
        yield chunk;
      }
    },
    [Symbol.dispose]: end,
  };
}
