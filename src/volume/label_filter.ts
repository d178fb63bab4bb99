import { CtrError } from "../core/mod.ts";

/**
 * Whether labels are as every filter wants: `label=KEY[=VALUE]`, `label!=KEY[=VALUE]`.
 *
 * @throws {CtrError} `usage` for a filter that is none of these.
 */
export function labelsMatch(
  labels: Readonly<Record<string, string>>,
  filters: readonly string[],
): boolean {
  return filters.every((filter) => {
    const [, not, key, value] = /^label(!?)=([^=]+)(?:=(.*))?$/s.exec(filter) ?? [];
    if (!key) {
      throw new CtrError(
        "usage",
        `cannot use the filter "${filter}": want label=KEY[=VALUE] or label!=KEY[=VALUE]`,
      );
    }
    const has = value === undefined ? Object.hasOwn(labels, key) : labels[key] === value;
    return has !== (not === "!");
  });
}

/** @throws {CtrError} `usage`; also where there is nothing that could be filtered. */
export function checkFilters(filters: readonly string[]): void {
  labelsMatch({}, filters);
}
