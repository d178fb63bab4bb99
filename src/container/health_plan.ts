import type { HealthSpec } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { Healthcheck } from "../oci/mod.ts";

/** How a container is probed, with nothing left to decide. */
export type HealthPlan = {
  readonly [K in keyof HealthSpec]-?: NonNullable<HealthSpec[K]>;
};

const DEFAULTS = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  startPeriodMs: 0,
  startIntervalMs: 5000,
  retries: 3,
};

/** A timer cannot wait longer. */
const MOST_MS = 2 ** 31 - 1;

/**
 * What was asked for over what the image says, by Docker's rules: zero and absence are the same.
 *
 * @returns Undefined if the health is not to be watched.
 * @throws {CtrError} `usage` for a test of no known kind.
 */
export function mergeHealth(
  asked: HealthSpec | undefined,
  image: Healthcheck | undefined,
): HealthPlan | undefined {
  const test = asked?.test ?? usable(image?.Test);
  if (test === undefined || test[0] === "NONE") return undefined;
  if (!isTest(test)) {
    throw new CtrError(
      "usage",
      `cannot use the health check "${test.join(" ")}": want CMD and a ` +
        "command, CMD-SHELL and a line, or NONE",
    );
  }
  const choose = (name: keyof typeof DEFAULTS, nanoseconds: number | undefined) =>
    Math.min(asked?.[name] || Math.ceil((nanoseconds ?? 0) / 1e6) || DEFAULTS[name], MOST_MS);
  return {
    test,
    intervalMs: choose("intervalMs", image?.Interval),
    timeoutMs: choose("timeoutMs", image?.Timeout),
    startPeriodMs: choose("startPeriodMs", image?.StartPeriod),
    startIntervalMs: choose("startIntervalMs", image?.StartInterval),
    retries: asked?.retries || Math.max(image?.Retries ?? 0, 0) || DEFAULTS.retries,
  };
}

/** The plan of a record, which an older version may have written without what it left to defaults. */
export function planOf(health: HealthSpec | undefined): HealthPlan | undefined {
  return mergeHealth(health, undefined);
}

/** What the guest is to run. */
export function probeArguments({ test }: HealthPlan): string[] {
  const [kind, ...rest] = test;
  return kind === "CMD-SHELL" ? ["/bin/sh", "-c", rest[0]!] : rest;
}

/** An image's test that makes no sense is none. */
function usable(test: readonly string[] | undefined): string[] | undefined {
  return test && isTest(test) ? [...test] : undefined;
}

function isTest(test: readonly string[]): boolean {
  const [kind, first] = test;
  return first ? kind === "CMD" || (kind === "CMD-SHELL" && test.length === 2) : kind === "NONE";
}
