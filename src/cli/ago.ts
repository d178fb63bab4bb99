const STEPS = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["week", 7 * 86_400],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
] as const;

/** `135_000` → `2 minutes`: how long ago, for people. */
export function roughly(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 1) return "less than a second";
  for (const [unit, size] of STEPS) {
    const count = Math.floor(seconds / size);
    if (count >= 2 || (count === 1 && size <= 86_400)) {
      return `${count} ${unit}${count > 1 ? "s" : ""}`;
    }
  }
  return "1 second";
}
