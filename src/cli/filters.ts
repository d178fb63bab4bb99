import { usage } from "./errors.ts";

/** Whether a thing has what a value of `--filter` asks for. */
export type Filters<T> = Readonly<Record<string, (item: T, value: string) => boolean>>;

/**
 * What `--filter` leaves over. Several values of one key are alternatives, but for `label`, where all
 * have to fit; different keys have to fit together.
 *
 * @param texts `key=value` each.
 * @throws {CtrError} `usage` for a key that `filters` does not have.
 */
export function filtered<T>(
  items: readonly T[],
  texts: readonly string[] | undefined,
  filters: Filters<T>,
): T[] {
  const wanted = readFilters(texts, Object.keys(filters));
  return items.filter((item) =>
    [...wanted].every(([key, values]) => {
      const fits = (value: string) => filters[key]!(item, value);
      return key === "label" ? values.every(fits) : values.some(fits);
    })
  );
}

/** The values by key. */
export function readFilters(
  texts: readonly string[] = [],
  keys: readonly string[],
): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const text of texts) {
    const [key = "", value] = text.split(/=(.*)/s);
    if (value === undefined) throw usage(`cannot use --filter "${text}": want key=value`);
    if (!keys.includes(key)) {
      throw usage(`cannot use --filter "${text}": "${key}" is not one of ${keys.join(", ")}`);
    }
    found.set(key, [...found.get(key) ?? [], value]);
  }
  return found;
}

/** `key`, or `key=value`. */
export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const [key = "", value] = wanted.split(/=(.*)/s);
  return Object.hasOwn(labels, key) && (value === undefined || labels[key] === value);
}

/** One of some words; anything else is a mistake. */
export function oneOf(key: string, value: string, words: readonly string[]): string {
  if (words.includes(value)) return value;
  throw usage(`cannot use --filter "${key}=${value}": want one of ${words.join(", ")}`);
}
