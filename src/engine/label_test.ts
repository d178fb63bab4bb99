import { CtrError } from "../core/mod.ts";

/**
 * Whether labels fit all filters.
 *
 * @param filters `label=KEY[=VALUE]`, `label!=KEY[=VALUE]`.
 * @throws {CtrError} `usage` for another.
 */
export function labelTest(
  filters: readonly string[],
): (labels: Readonly<Record<string, string>>) => boolean {
  const tests = filters.map((filter) => {
    const [, not, key, value] = /^label(!?)=([^=]+)(?:=(.*))?$/s.exec(filter) ?? [];
    if (key !== undefined) return { not: not === "!", key, value };
    throw new CtrError(
      "usage",
      `cannot use the filter "${filter}": want label=KEY[=VALUE] or label!=KEY[=VALUE]`,
    );
  });
  return (labels) =>
    tests.every(({ not, key, value }) =>
      (value === undefined ? Object.hasOwn(labels, key) : labels[key] === value) !== not
    );
}
