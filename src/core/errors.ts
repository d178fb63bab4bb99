/**
 * Exit status by error code. Scripts rely on these, so a change here is a breaking change.
 *
 * `run` and `exec` map every one of these but the last three to 125 (see `exitStatusOf`), because
 * below 125 the status belongs to the process in the container.
 */
export const EXIT_STATUS = {
  "usage": 2,
  "not-found": 1,
  "exists": 1,
  "conflict": 1,
  "invalid-state": 1,
  "no-space": 1,
  "bad-data": 1,
  "too-large": 1,
  "denied": 1,
  "unavailable": 1,
  "timeout": 1,
  "unsupported": 1,
  "cancelled": 130,
  "not-executable": 126,
  "command-not-found": 127,
} as const;

export type ErrorCode = keyof typeof EXIT_STATUS;

export interface ErrorDetails {
  /** One thing to do about it, in the imperative, without a full stop. Shown as `hint: …`. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * A failure that the user can act on. Anything else that is thrown is a defect in ctr.
 *
 * `message` reads: verb, quoted object, colon, fact; lower case, no full stop.
 */
export class CtrError extends Error {
  override readonly name = "CtrError";
  readonly hint: string | undefined;

  constructor(readonly code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.hint = details.hint;
  }
}

/** True for what the host's file systems and SQLite throw when there is no room left. */
export function isDiskFull(error: unknown): boolean {
  if (isCtrError(error)) return error.code === "no-space";
  if (!(error instanceof Error)) return false;
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  return code === "ENOSPC" || code === "EDQUOT" || (code === "ERR_SQLITE_ERROR" && errcode === 13);
}

export function isCtrError(error: unknown, code?: ErrorCode): error is CtrError {
  return error instanceof CtrError && (code === undefined || error.code === code);
}

/**
 * The status that the process ends with for `error`.
 *
 * @param ownsLowStatuses True for `run`, `exec` and `start -a`: a failure of ctr itself is 125.
 */
export function exitStatusOf(error: unknown, ownsLowStatuses: boolean): number {
  const status = isCtrError(error) ? EXIT_STATUS[error.code] : 1;
  return ownsLowStatuses && status < 125 ? 125 : status;
}
