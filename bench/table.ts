/** What every bench shares: fair rounds, medians, ratios and one table. */

/** One measurement. Returns its own figure; what it does around the figure is not counted. */
export type Run = () => Promise<number>;

export interface Rounds {
  /** Rounds that count. Default 5. */
  readonly rounds?: number;
  /** Rounds of each side that do not count, for caches. Default 1. */
  readonly warmups?: number;
}

/**
 * Runs both sides in turn, A B then B A, so that a drift of the machine meets both alike.
 *
 * @returns The figures of each side, in the order they were taken.
 */
export async function alternate(
  runA: Run,
  runB: Run,
  options: Rounds = {},
): Promise<{ a: number[]; b: number[] }> {
  const [a, b] = await inTurn([runA, runB], options);
  return { a: a!, b: b! };
}

/** `alternate()` for any number of sides: every other round goes backwards. */
export async function inTurn(runs: readonly Run[], options: Rounds = {}): Promise<number[][]> {
  const { rounds = 5, warmups = 1 } = options;
  const sides = runs.map((run) => ({ run, figures: [] as number[] }));
  for (let round = -warmups; round < rounds; round++) {
    for (const { run, figures } of round % 2 === 0 ? sides : sides.toReversed()) {
      const figure = await run();
      if (round >= 0) figures.push(figure);
    }
  }
  return sides.map(({ figures }) => figures);
}

/** One side alone, for where there is no peer. */
export async function repeat(run: Run, options: Rounds = {}): Promise<number[]> {
  return (await inTurn([run], options))[0]!;
}

/** A run whose figure is the milliseconds that `work` takes. */
export function timed(work: () => Promise<unknown>): Run {
  return async () => {
    const began = performance.now();
    await work();
    return performance.now() - began;
  };
}

/** The value below which `fraction` of the figures lie, interpolated. */
export function quantile(figures: readonly number[], fraction: number): number {
  const sorted = figures.toSorted((x, y) => x - y);
  if (sorted.length === 0) return NaN;
  const at = (sorted.length - 1) * fraction;
  const low = sorted[Math.floor(at)]!;
  return low + (sorted[Math.ceil(at)]! - low) * (at - Math.floor(at));
}

export function median(figures: readonly number[]): number {
  return quantile(figures, 0.5);
}

/** `1.23×`: how many times `b` fits into `a`. */
export function ratio(a: number, b: number): string {
  return `${(a / b).toFixed(2)}×`;
}

/** `12.3 ms`, `1.23 s`. */
export function ms(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(1)} ms`;
}

/** `123 MiB`. */
export function mib(bytes: number): string {
  return `${(bytes / 1048576).toFixed(0)} MiB`;
}

/** A promise and whether it was kept. Undefined limits are figures without a promise. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly peer?: string;
  readonly ratio?: string;
  readonly limit?: string;
  readonly kept?: boolean;
}

/**
 * Prints the rows below a header, two blanks between columns.
 *
 * @returns True when no promise was broken; `bench/main.ts` ends with 1 otherwise.
 */
export function printTable(rows: readonly Row[]): boolean {
  const cells = rows.map((row) => [
    row.what,
    row.ours,
    row.peer ?? "",
    row.ratio ?? "",
    row.limit ?? "",
    row.kept === undefined ? "" : row.kept ? "kept" : "BROKEN",
  ]);
  const table = [["WHAT", "CTR", "PEER", "RATIO", "LIMIT", "PROMISE"], ...cells];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  for (const row of table) {
    console.log(row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd());
  }
  return rows.every((row) => row.kept !== false);
}
