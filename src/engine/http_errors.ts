import type { z } from "zod";
import type { ErrorBody } from "../api/mod.ts";
import { CtrError, type ErrorCode, isCtrError, isDiskFull } from "../core/mod.ts";

const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  "usage": 400,
  "denied": 403,
  "not-found": 404,
  "exists": 409,
  "conflict": 409,
  "invalid-state": 409,
  "too-large": 413,
  "bad-data": 422,
  "not-executable": 422,
  "command-not-found": 422,
  "cancelled": 499,
  "unsupported": 501,
  "unavailable": 503,
  "timeout": 504,
  "no-space": 507,
};

export function httpStatus(error: unknown): number {
  if (isDiskFull(error)) return HTTP_STATUS["no-space"];
  return isCtrError(error) ? HTTP_STATUS[error.code] : 500;
}

/** What a client is told. A defect of ours keeps its stack for the engine's log. */
export function errorBody(error: unknown): z.output<typeof ErrorBody> {
  if (isCtrError(error)) {
    const { code, message, hint } = error;
    return { code, message, ...(hint !== undefined && { hint }) };
  }
  if (isDiskFull(error)) {
    return {
      code: "no-space",
      message: "cannot do that: no space is left on the disk of ctr's home",
      hint: 'free some, then try again; "ctr system df" tells what is used',
    };
  }
  const fact = error instanceof Error ? error.message : String(error);
  return {
    code: "internal",
    message: `the engine failed: ${fact}`,
    hint: 'this is a defect of ctr; see "ctr system logs"',
  };
}

/** Checks what a client sent. */
export function parseWith<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const at = issue.path.join(".");
  throw new CtrError("usage", `cannot read the request: ${at ? `${at}: ` : ""}${issue.message}`);
}
