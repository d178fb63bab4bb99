import { CtrError, type ErrorCode, EXIT_STATUS } from "../core/mod.ts";

/** By gRPC status code, where the guest does not name the error itself. */
const BY_CODE: Readonly<Record<number, ErrorCode>> = {
  1: "cancelled",
  3: "usage",
  4: "timeout",
  5: "not-found",
  6: "exists",
  7: "denied",
  8: "too-large",
  9: "invalid-state",
  12: "unsupported",
};

/** The error that a call's trailers tell; undefined if it went well. */
export function errorOf(trailers: ReadonlyMap<string, string>, what: string): CtrError | undefined {
  const status = Number(trailers.get("grpc-status"));
  if (status === 0) return undefined;
  const named = trailers.get("ctr-error") ?? "";
  const code = named in EXIT_STATUS ? named as ErrorCode : BY_CODE[status] ?? "unavailable";
  const message = decodeMessage(trailers.get("grpc-message") ?? `status ${status}`);
  return new CtrError(code, `cannot ${what}: ${withoutStep(message)}`);
}

/** The guest names the step that failed; that a process was to be started is said already. */
function withoutStep(message: string): string {
  return message.replace(/^process: (execute .*: )?/, "");
}

/** Percent-decodes; what would move a terminal's cursor becomes a question mark. */
function decodeMessage(text: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    decoded = text;
  }
  // deno-lint-ignore no-control-regex
  return decoded.replace(/[\x00-\x1f\x7f-\x9f]/g, "?").slice(0, 1024);
}
