import { isCtrError } from "../core/mod.ts";
import { NetworkFailure, type Unreached } from "./failures.ts";
import type { Deadlines } from "./types.ts";

/** Statuses that may pass by themselves. */
export function isTransient(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** Nobody answers where the registry should be. It is looked for once more, and soon. */
const ABSENT: readonly Unreached[] = ["name", "refused", "proxy", "unreachable"];

/** True for a server that does not seem to be there. */
export function isAbsent(error: unknown): boolean {
  return error instanceof NetworkFailure && ABSENT.includes(error.reason);
}

/** A failure that another try may not meet: the connection broke or stalled. */
export function isTransientError(error: unknown): boolean {
  if (error instanceof NetworkFailure) return error.reason === "broken" || isAbsent(error);
  return isCtrError(error, "unavailable") || isCtrError(error, "timeout");
}

/** The pause before try number `attempt + 1`: doubled each time, spread so that clients part. */
export function pauseMs(
  attempt: number,
  { firstPauseMs, maxPauseMs }: Pick<Deadlines, "firstPauseMs" | "maxPauseMs">,
  random = Math.random,
): number {
  return Math.min(maxPauseMs, firstPauseMs * 2 ** (attempt - 1)) * (0.5 + random() / 2);
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
