import { z } from "zod";
import { CtrError, type ErrorCode, formatDuration } from "../core/mod.ts";

/** What a request was about, for the one sentence that a user reads when it fails. */
export interface Subject {
  /** For example `cannot pull "alpine:9"`. */
  readonly action: string;
  readonly host: string;
  readonly kind: "manifest" | "blob" | "tags" | "upload";
}

const Body = z.object({
  errors: z.array(z.object({ code: z.string().nullish(), message: z.string().nullish() })).max(100),
});

/** Maps an answer that is not a success. @param body At most a few KiB, any text. */
export function statusFailure(
  subject: Subject,
  response: Pick<Response, "status" | "headers">,
  body: string,
): CtrError {
  const { status } = response;
  const codes = errorCodes(body);
  const { action, host, kind } = subject;
  const fail = (code: ErrorCode, fact: string, hint?: string) =>
    new CtrError(code, `${action}: ${fact}`, { hint });
  const login = `log in with: docker login ${host}`;
  if (status === 401 || codes.has("UNAUTHORIZED")) {
    return fail("denied", `the registry ${host} wants a login, or has no such image`, login);
  }
  if (status === 403 || codes.has("DENIED")) {
    return fail("denied", `the registry ${host} denies access`, login);
  }
  if (status === 429 || codes.has("TOOMANYREQUESTS")) {
    return fail("unavailable", `the registry ${host} got too many requests`, "try again later");
  }
  if (status === 404) {
    if (kind === "upload") return fail("not-found", `${host} has no such repository`);
    if (codes.has("NAME_UNKNOWN")) return fail("not-found", `${host} has no such image`);
    if (kind === "tags") return fail("not-found", `${host} has no such image`);
    if (kind === "manifest") return fail("not-found", `${host} has no such tag or digest`);
    return fail("not-found", `${host} has lost a blob of this image`);
  }
  if (status === 413) return fail("too-large", `the registry ${host} refuses a body of this size`);
  if (status >= 500) return fail("unavailable", `the registry ${host} is failing (HTTP ${status})`);
  return fail("unavailable", `the registry ${host} answered with HTTP ${status}`);
}

function errorCodes(body: string): Set<string> {
  try {
    return new Set(Body.parse(JSON.parse(body)).errors.map(({ code }) => code ?? ""));
  } catch {
    return new Set(); // proxies answer in HTML
  }
}

/** Maps what `fetch` throws. The words of a network error exist as text alone. */
export function networkFailure(subject: Subject, cause: unknown): CtrError {
  const text = causes(cause);
  const why = /refused/i.test(text)
    ? "the connection was refused"
    : /dns error|lookup|resolve/i.test(text)
    ? "its name is not known"
    : /certificate|UnknownIssuer|NotValidForName/i.test(text)
    ? "its certificate is not trusted"
    : /tls|handshake|InvalidContentType/i.test(text)
    ? "it does not speak TLS"
    : /unreachable/i.test(text)
    ? "the network is unreachable"
    : "the connection broke";
  const hint = why === "it does not speak TLS" ? "for plain HTTP add: --scheme http" : undefined;
  return new CtrError(
    "unavailable",
    `${subject.action}: cannot reach the registry ${subject.host}: ${why}`,
    { cause, hint },
  );
}

/** Messages of an error and of what is behind it. */
function causes(error: unknown, depth = 0): string {
  if (!(error instanceof Error) || depth > 8) return String(error);
  return `${error.message} ${error.cause === undefined ? "" : causes(error.cause, depth + 1)}`;
}

export function slowFailure(subject: Subject, ms: number, phase: "answer" | "data"): CtrError {
  const what = phase === "answer" ? "did not answer" : "sent no data";
  return new CtrError(
    "timeout",
    `${subject.action}: the registry ${subject.host} ${what} for ${formatDuration(ms)}`,
  );
}
