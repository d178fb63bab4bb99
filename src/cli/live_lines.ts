import type { Output } from "./app.ts";
import type { TerminalSize } from "./terminal.ts";

/** Lines at the bottom of a terminal that are drawn over and over. */
export class LiveLines {
  readonly #output: Output;
  readonly #size: () => TerminalSize | undefined;
  #widths: readonly number[] = [];

  constructor(output: Output, size: () => TerminalSize | undefined) {
    this.#output = output;
    this.#size = size;
  }

  /** Columns that a line may have, and lines that there may be. */
  get room(): TerminalSize {
    const { rows, columns } = this.#size() ?? { rows: 24, columns: 80 };
    return { rows: Math.max(1, rows - 1), columns: Math.max(1, columns - 1) };
  }

  draw(lines: readonly string[]): void {
    const { rows, columns } = this.room;
    const cut = lines.slice(0, rows).map((line) => clipped(line, columns));
    // Cleared behind each line, not before all of them: a cleared screen flickers.
    this.#output.write(`${this.#back()}${cut.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`);
    this.#widths = cut.map(width);
  }

  /** Takes them away. */
  clear(): void {
    if (this.#widths.length > 0) this.#output.write(`${this.#back()}\x1b[J`);
    this.#widths = [];
  }

  /** To the beginning of the first line. In a terminal that became narrower, lines have wrapped. */
  #back(): string {
    const columns = this.room.columns + 1;
    const rows = this.#widths.reduce(
      (sum, each) => sum + Math.max(1, Math.ceil(each / columns)),
      0,
    );
    return rows > 0 ? `\x1b[${rows}A\r` : "";
  }
}

// deno-lint-ignore no-control-regex
const PARTS = /\x1b\[\d*m|./gu;

/** Cut to a width, not counting colours. */
export function clipped(line: string, most: number): string {
  let left = most;
  return line.replaceAll(PARTS, (part) => {
    if (part.length > 1 && part.startsWith("\x1b")) return part;
    return left-- > 0 ? part : "";
  });
}

function width(line: string): number {
  return [...line.matchAll(PARTS)].filter(([part]) => !part.startsWith("\x1b")).length;
}
