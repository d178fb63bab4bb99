import { CtrError } from "./errors.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Reads a duration such as `90s`, `1h30m`, `250ms`, or a bare number of seconds.
 *
 * @returns Milliseconds.
 * @throws {CtrError} `usage` if `text` is not a duration.
 */
export function parseDurationMs(text: string): number {
  const bad = () =>
    new CtrError(
      "usage",
      `cannot read the duration "${text}": want something like 30s, 5m or 1h30m`,
    );
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) throw bad();
  let total = 0;
  for (const [, value, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(value) * UNIT_MS[unit!]!;
  }
  return total;
}

/** `95_000` → `1m35s`; under a minute with one decimal, under a second in milliseconds. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  return parts.filter(([n]) => n > 0).slice(0, 2).map(([n, unit]) => `${n}${unit}`).join("");
}
