/** Errors across threads, and the sentence that the user reads. */
import { CtrError, type ErrorCode, EXIT_STATUS, isCtrError } from "../core/mod.ts";
import type { Failure } from "./protocol.ts";

export function toFailure(error: unknown): Failure {
  if (!(error instanceof Error)) {
    return { code: undefined, message: String(error), stack: undefined };
  }
  const system = "code" in error && typeof error.code === "string" ? error.code : undefined;
  return {
    code: isCtrError(error) ? error.code : system,
    message: error.message,
    stack: error.stack,
  };
}

/**
 * Makes the error of a worker one for the user.
 *
 * @param doing For example `unpack layer sha256:…`; it replaces what the inner folder said it was doing.
 */
export function fromFailure(doing: string, failure: Failure): Error {
  const fact = failure.message.replace(/^(?:read|write) (?:tar|ext4): /, "");
  if (failure.code !== undefined && failure.code in EXIT_STATUS) {
    return new CtrError(failure.code as ErrorCode, `${doing}: ${fact}`);
  }
  if (failure.code === "ENOSPC" || failure.code === "EDQUOT") {
    return new CtrError("no-space", `${doing}: the disk of the host is full`, { cause: failure });
  }
  if (failure.code === "ENOENT") {
    return new CtrError("not-found", `${doing}: ${fact}`, { cause: failure });
  }
  const defect = new Error(`${doing}: ${failure.message}`);
  if (failure.stack !== undefined) defect.stack = failure.stack;
  return defect;
}
