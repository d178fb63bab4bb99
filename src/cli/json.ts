/** The same value with the keys of every object in order, and without undefined ones. */
export function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, each]) => each !== undefined)
      .toSorted(([a], [b]) => a < b ? -1 : 1)
      .map(([key, each]) => [key, sortedKeys(each)]),
  );
}

/** For lists: one line. */
export function compactJson(value: unknown): string {
  return JSON.stringify(sortedKeys(value));
}

/** For `inspect`: indented. */
export function prettyJson(value: unknown): string {
  return JSON.stringify(sortedKeys(value), undefined, 2);
}
