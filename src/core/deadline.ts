import { CtrError } from "./errors.ts";

/**
 * Waits for `work` until `ms` have passed or `signal` aborts, whichever comes first.
 *
 * The work itself is not stopped unless it watches the signal that it is handed.
 *
 * @param what Completes "timed out after 5s: …" for the user, for example `waiting for vminitd`.
 * @throws {CtrError} `timeout` when the time is over; whatever `signal` was aborted with.
 */
export async function withDeadline<T>(
  what: string,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const controller = new AbortController();
  const outer = () => controller.abort(signal?.reason);
  if (signal?.aborted) outer();
  signal?.addEventListener("abort", outer, { once: true });
  const timer = setTimeout(
    () => controller.abort(new CtrError("timeout", `timed out after ${ms / 1000}s: ${what}`)),
    ms,
  );
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {}); // observed by the race below, or not needed any more
  const onAbort = () => aborted.reject(controller.signal.reason);
  if (controller.signal.aborted) onAbort();
  else controller.signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work(controller.signal), aborted.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", outer);
  }
}
