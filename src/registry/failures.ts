import { z } from "zod";
import { CtrError, type ErrorCode, type ErrorDetails, formatDuration } from "../core/mod.ts";
import { retryAfterMs } from "./retry_after.ts";
import { referenceHost } from "./scheme.ts";

/** What a request was about, for the one sentence that a user reads when it fails. */
export interface Subject {
  /** For example `cannot pull "alpine:9"`. */
  readonly action: string;
  readonly host: string;
  readonly kind: "manifest" | "blob" | "tags" | "upload" | "login";
}

const Body = z.object({
  errors: z.array(z.object({ code: z.string().nullish(), message: z.string().nullish() })).max(100),
});

/**
 * Maps an answer that is not a success.
 *
 * @param body At most a few KiB, any text.
 * @param login Whose credentials were sent; undefined if none were.
 */
export function statusFailure(
  subject: Subject,
  response: Pick<Response, "status" | "headers">,
  body: string,
  login?: string,
): CtrError {
  const { status } = response;
  const codes = errorCodes(body);
  const { action, host, kind } = subject;
  const fail = (code: ErrorCode, fact: string, hint?: string) =>
    new CtrError(code, `${action}: ${fact}`, { hint });
  const hint = login === undefined ? `log in with: ${loginCommand(host)}` : undefined;
  if (status === 407) return fail("denied", PROXY_LOGIN, PROXY_HINT);
  if (kind === "login" && (status === 401 || status === 403)) {
    return fail("denied", `the registry ${host} refuses the user name or the password`);
  }
  if (status === 429 || codes.has("TOOMANYREQUESTS")) {
    return fail("unavailable", `the registry ${host} got too many requests`, limitHint());
  }
  if (status === 401 || codes.has("UNAUTHORIZED")) {
    return login === undefined
      ? fail("denied", `the registry ${host} wants a login, or has no such image`, hint)
      : fail("denied", `the registry ${host} does not let ${login} do that, or has no such image`);
  }
  if (status === 403 || codes.has("DENIED")) {
    const whom = login === undefined ? "" : ` to ${login}`;
    return fail("denied", `the registry ${host} denies access${whom}`, hint);
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

  function limitHint(): string {
    const waitMs = retryAfterMs(response.headers.get("retry-after")) ?? 0;
    const when = waitMs > 0
      ? `try again in ${formatDuration(Math.min(waitMs, WEEK_MS))}`
      : undefined;
    if (login !== undefined) return when ?? "try again later";
    return `${when ?? "try again later"}, or log in for a higher limit: ${loginCommand(host)}`;
  }
}

const WEEK_MS = 7 * 24 * 3600 * 1000;
const PROXY_LOGIN = "the proxy wants a user name and a password";
const PROXY_HINT = "put them into the proxy's URL: http://USER:PASSWORD@HOST:PORT";

export function loginCommand(host: string): string {
  return `ctr registry login ${host}`;
}

function errorCodes(body: string): Set<string> {
  try {
    return new Set(Body.parse(JSON.parse(body)).errors.map(({ code }) => code ?? ""));
  } catch {
    return new Set(); // proxies answer in HTML
  }
}

/** Why a server was not reached. */
export type Unreached =
  | "name"
  | "refused"
  | "authority"
  | "expired"
  | "mismatch"
  | "client-certificate"
  | "not-tls"
  | "proxy"
  | "proxy-login"
  | "unreachable"
  | "blocked-port"
  | "broken";

/** A failure before there was an answer. */
export class NetworkFailure extends CtrError {
  constructor(readonly reason: Unreached, message: string, details: ErrorDetails) {
    super(reason === "proxy-login" ? "denied" : "unavailable", message, details);
  }
}

export interface Reached {
  /** With its port, as in the URL. */
  readonly server: string;
  /** The proxy between, without its password. */
  readonly proxy?: string | undefined;
  /** Where the certificate of the server's authority would be put. */
  readonly authorityPlace?: string | undefined;
}

/** Maps what `fetch` throws. The words of a network error exist as text alone. */
export function networkFailure(
  { action, host }: Subject,
  cause: unknown,
  { server, proxy, authorityPlace }: Reached,
): NetworkFailure {
  const text = causes(cause);
  const reason = reasonOf(text, proxy !== undefined);
  const elsewhere = server !== host && referenceHost(server) !== host;
  const registry = elsewhere ? `${server}, where ${host} sends us` : `the registry ${host}`;
  const hint = reason === "authority" && authorityPlace
    ? `put the certificate of its authority into ${authorityPlace}, or name it as "ca" in registries.toml`
    : HINTS[reason];
  const facts: Record<Unreached, string> = {
    "name": "its name is not known",
    "refused": "the connection was refused",
    "authority": "its certificate is not trusted: the authority is not known",
    "expired": "its certificate is out of date",
    "mismatch": "its certificate is for another name",
    "client-certificate": "it wants a certificate of ours",
    "not-tls": "it does not speak TLS",
    "proxy": `the proxy ${proxy} ${proxyFact(text)}`,
    "proxy-login": PROXY_LOGIN,
    "unreachable": "the network is unreachable",
    "blocked-port": "no registry is on this port: browsers and ctr do not use it",
    "broken": "the connection broke",
  };
  const message = `${action}: cannot reach ${registry}: ${facts[reason]}`;
  return new NetworkFailure(reason, message, { cause, hint });
}

const HINTS: Partial<Record<Unreached, string>> = {
  "expired": "its owner has to renew it, if the clock here is right",
  "not-tls": "for plain HTTP add: --scheme http",
  "proxy": "see which proxy is used with: ctr registry check HOST",
  "proxy-login": PROXY_HINT,
  "client-certificate": 'name them as "cert" and "key" in registries.toml',
};

function reasonOf(text: string, proxied: boolean): Unreached {
  if (/UnknownIssuer|self.signed|unable to (?:get|verify)|CaUsedAsEndEntity/i.test(text)) {
    return "authority";
  }
  if (/certificate: (?:Expired|NotValidYet)|certificate (?:expired|not valid yet)/i.test(text)) {
    return "expired";
  }
  if (/NotValidForName|not valid for name/i.test(text)) return "mismatch";
  if (/CertificateRequired|HandshakeFailure|BadCertificate|UnknownCA/i.test(text)) {
    return "client-certificate";
  }
  if (/certificate/i.test(text)) return "authority";
  if (/InvalidContentType|corrupt message|HTTP version/i.test(text)) return "not-tls";
  if (/proxy auth/i.test(text)) return "proxy-login";
  // Behind a proxy it is the proxy's name and port that are looked up and connected to.
  if (proxied && /refused|dns error|lookup|unreachable|tunnel|proxy/i.test(text)) return "proxy";
  if (/refused/i.test(text)) return "refused";
  if (/dns error|lookup|resolve|ENOTFOUND|EAI_AGAIN/i.test(text)) return "name";
  if (/tls|handshake/i.test(text)) return "not-tls";
  if (/unreachable|no route/i.test(text)) return "unreachable";
  if (/ports? .*blocked|requests to port/i.test(text)) return "blocked-port";
  return "broken";
}

function proxyFact(text: string): string {
  if (/refused/i.test(text)) return "refuses the connection";
  if (/proxy server unreachable/i.test(text)) return "does not answer";
  if (/dns error|lookup/i.test(text)) return "has a name that is not known";
  return "cannot reach it";
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
