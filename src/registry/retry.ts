import { isCtrError } from "../core/mod.ts";
import type { Deadlines } from "./types.ts";

/** Statuses that may pass by themselves. */
export function isTransient(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** A failure that another try may not meet: the connection broke or stalled. */
export function isTransientError(error: unknown): boolean {
  return isCtrError(error, "unavailable") || isCtrError(error, "timeout");
}

/** `Retry-After` in milliseconds: seconds or a date. Undefined if absent or unreadable. */
export function retryAfterMs(header: string | null, nowMs = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
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
