import type { RestartPolicy } from "../api/mod.ts";

/** What is kept of a container's restarts. */
export interface RestartRecord {
  /** Starts by the policy since somebody started it. */
  readonly count: number;
  /** The back-off that is on, or was last. 0: none yet. */
  readonly delayMs: number;
  /** When the next start is due, Unix milliseconds. */
  readonly nextAtMs?: number | undefined;
  /** It was stopped by hand, while the host ran under this boot ID. */
  readonly stopped?: string | undefined;
  /** Why the last start by the policy failed. */
  readonly error?: string | undefined;
}

/** Of a container that somebody has started. */
export const NO_RESTARTS: RestartRecord = { count: 0, delayMs: 0 };

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 60_000;
/** Who ran this long has not failed at its start: the back-off begins anew. */
const GOOD_RUN_MS = 10_000;

export interface RunEnd {
  readonly status: number;
  /** Unix milliseconds. */
  readonly atMs: number;
  readonly ranMs: number;
}

/** What follows from the end of a run: with `nextAtMs` if the policy wants another. */
export function afterEnd(
  policy: RestartPolicy,
  before: RestartRecord,
  { status, atMs, ranMs }: RunEnd,
): RestartRecord {
  if (!wanted(policy, before, status)) return { ...before, nextAtMs: undefined };
  const delayMs = ranMs >= GOOD_RUN_MS || before.delayMs === 0
    ? FIRST_DELAY_MS
    : Math.min(before.delayMs * 2, LONGEST_DELAY_MS);
  return { ...before, delayMs, nextAtMs: atMs + delayMs };
}

function wanted(
  { name, maximumRetries }: RestartPolicy,
  { count, stopped }: RestartRecord,
  status: number,
): boolean {
  if (name === "no" || stopped !== undefined) return false;
  if (name !== "on-failure") return true;
  return status !== 0 && (maximumRetries === 0 || count < maximumRetries);
}

/**
 * What a new engine makes of a container that does not live and whose end is known.
 *
 * `always` outlasts a stop by hand until the host is booted anew, as Docker's does until its daemon
 * is started anew: engines come and go too often here to be a sign of anything.
 */
export function afterReturn(
  policy: RestartPolicy,
  before: RestartRecord,
  now: { readonly bootId: string; readonly atMs: number },
): RestartRecord {
  const { stopped } = before;
  if (policy.name !== "always" || stopped === undefined || stopped === now.bootId) return before;
  return { ...before, stopped: undefined, nextAtMs: now.atMs };
}
