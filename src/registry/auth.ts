import { z } from "zod";
import { CtrError } from "../core/mod.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { loginCommand, statusFailure, type Subject } from "./failures.ts";
import { isLoopback } from "./scheme.ts";
import type { Request, Transport } from "./transport.ts";
import type { Credentials, CredentialSource } from "./types.ts";

const MAX_TOKEN_BYTES = 64 * 1024;
/** Registries that name no lifetime mean a minute. A token is dropped a little before its end. */
const DEFAULT_LIFETIME_S = 60;
const SAFETY_MS = 5000;

const TokenAnswer = z.object({
  token: z.string().min(1).nullish(),
  access_token: z.string().min(1).nullish(),
  expires_in: z.number().positive().nullish(),
});

interface Grant {
  readonly authorization: string;
  readonly untilMs: number;
}

type About = Pick<Request, "url" | "subject" | "signal" | "clearText">;

/** Answers challenges, and remembers the answers per host and scope. */
export class Authenticator {
  #transport: Pick<Transport, "send" | "connections">;
  #sources: readonly CredentialSource[];
  #grants = new Map<string, Grant>();
  #running = new Map<string, Promise<Grant | undefined>>();
  #logins = new Map<string, string>();

  constructor(
    transport: Pick<Transport, "send" | "connections">,
    sources: readonly CredentialSource[],
  ) {
    this.#transport = transport;
    this.#sources = sources;
  }

  /** The header for a request, if one is known to be needed. */
  header(host: string, scope: string): string | undefined {
    const grant = this.#grants.get(`${host} ${scope}`);
    return grant && grant.untilMs > Date.now() ? grant.authorization : undefined;
  }

  /** Whose credentials were sent: `"ann"`, or `the token`. Undefined if none were. */
  login(host: string, scope: string): string | undefined {
    return this.#logins.get(`${host} ${scope}`);
  }

  /**
   * Answers a 401. Requests that are refused at once share one answer.
   *
   * @param refused The header that was refused, if one was sent.
   * @returns The header to try again with, or undefined if there is nothing else to try.
   */
  async answer(
    host: string,
    scope: string,
    challenge: string | null,
    refused: string | undefined,
    request: About,
  ): Promise<string | undefined> {
    const key = `${host} ${scope}`;
    const known = this.header(host, scope);
    if (known !== undefined && known !== refused) return known;
    this.#grants.delete(key);
    let running = this.#running.get(key);
    if (!running) {
      running = this.#grant(host, scope, challenge ?? "", request)
        .finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    const grant = await running;
    if (!grant || grant.authorization === refused) return undefined;
    this.#grants.set(key, grant);
    return grant.authorization;
  }

  async #grant(
    host: string,
    scope: string,
    header: string,
    request: About,
  ): Promise<Grant | undefined> {
    const challenges = parseChallenges(header);
    const credentials = await this.#credentials(host, scope, request);
    const forever = Number.POSITIVE_INFINITY;
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer && credentials?.kind === "bearer") {
      return { authorization: `Bearer ${credentials.token}`, untilMs: forever };
    }
    if (bearer) return await this.#token(host, scope, bearer, credentials, request);
    const basic = challenges.some(({ scheme }) => scheme === "basic");
    if (basic && credentials?.kind === "basic") {
      return { authorization: basicHeader(credentials), untilMs: forever };
    }
    return undefined;
  }

  async #credentials(
    host: string,
    scope: string,
    request: About,
  ): Promise<Credentials | undefined> {
    const repository = /^repository:([^:]+):/.exec(scope)?.[1];
    for (const source of this.#sources) {
      const found = await source.find(host, repository);
      if (!found) continue;
      this.#checkPrivate(host, new URL(request.url), request);
      const login = found.kind === "basic" ? JSON.stringify(found.username) : "the token";
      this.#logins.set(`${host} ${scope}`, login);
      return found;
    }
    return undefined;
  }

  /** What is sent over plain HTTP is read by everyone on the way. */
  #checkPrivate(host: string, url: URL, { subject, clearText }: About): void {
    if (url.protocol !== "http:" || isLoopback(url.hostname) || clearText) return;
    if (this.#transport.connections.settings(host).http) return;
    throw new CtrError(
      "denied",
      `${subject.action}: the password would go to ${url.host} without encryption`,
      { hint: `if that is meant, set http = true for it in registries.toml` },
    );
  }

  /** @see https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/ */
  async #token(
    host: string,
    wanted: string,
    { parameters }: Challenge,
    credentials: Credentials | undefined,
    request: About,
  ): Promise<Grant> {
    const { url, subject, signal } = request;
    const realm = tokenServer(parameters["realm"] ?? "", url, subject);
    if (credentials) this.#checkPrivate(host, realm, request);
    const service = parameters["service"] ?? "";
    const scope = bothScopes(parameters["scope"] ?? "", wanted);
    const asked = credentials?.kind === "token"
      ? refreshRequest(realm, service, scope, credentials.refreshToken)
      : tokenRequest(realm, service, scope, credentials);
    const answer = await this.#transport.send({ ...asked, subject, signal });
    if (!answer.ok) {
      const body = await answer.text();
      if (credentials && (answer.status === 401 || answer.status === 400)) {
        throw new CtrError(
          "denied",
          `${subject.action}: ${host} refuses the user name or the password`,
          subject.kind === "login" ? {} : { hint: `log in again with: ${loginCommand(host)}` },
        );
      }
      throw statusFailure(subject, answer, body);
    }
    const bytes = await answer.bytes(MAX_TOKEN_BYTES);
    const parsed = readToken(bytes);
    if (!parsed) {
      throw new CtrError(
        "bad-data",
        `${subject.action}: the token server of ${host} sent no token`,
      );
    }
    const lifetimeMs = (parsed.expires_in ?? DEFAULT_LIFETIME_S) * 1000;
    return {
      authorization: `Bearer ${parsed.token}`,
      untilMs: Date.now() + Math.max(lifetimeMs - SAFETY_MS, lifetimeMs / 2),
    };
  }
}

/** What the registry asks for, and what is wanted of repositories that it does not speak of. */
function bothScopes(asked: string, wanted: string): string {
  const named = (scope: string) => scope.split(":").slice(0, -1).join(":");
  const spoken = new Set(asked.split(" ").map(named));
  const more = wanted.split(" ").filter((scope) => !spoken.has(named(scope)));
  return [asked, ...more].join(" ").trim();
}

function tokenServer(realm: string, registry: string, { action, host }: Subject): URL {
  const url = URL.parse(realm);
  const plainRegistry = registry.startsWith("http://");
  const safe = url?.protocol === "https:" || (url?.protocol === "http:" && plainRegistry);
  if (url && safe && url.username === "" && url.password === "") return url;
  throw new CtrError("bad-data", `${action}: the registry ${host} names an unsafe token server`);
}

function tokenRequest(
  realm: URL,
  service: string,
  scope: string,
  credentials: Credentials | undefined,
): Pick<Request, "method" | "url" | "authorization"> {
  const url = new URL(realm);
  if (service) url.searchParams.set("service", service);
  for (const one of scope.split(" ")) if (one) url.searchParams.append("scope", one);
  if (credentials?.kind !== "basic") return { method: "GET", url: url.href };
  url.searchParams.set("account", credentials.username);
  return { method: "GET", url: url.href, authorization: basicHeader(credentials) };
}

function refreshRequest(
  realm: URL,
  service: string,
  scope: string,
  refreshToken: string,
): Pick<Request, "method" | "url" | "headers" | "body"> {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    client_id: "ctr",
    service,
    scope,
    refresh_token: refreshToken,
  });
  return {
    method: "POST",
    url: realm.href,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: form.toString(),
  };
}

function readToken(bytes: Uint8Array) {
  try {
    const answer = TokenAnswer.parse(JSON.parse(new TextDecoder().decode(bytes)));
    const token = answer.token ?? answer.access_token;
    // A token goes into a header: what cannot stand there is not one.
    return token && /^[\x21-\x7e]+$/.test(token)
      ? { token, expires_in: answer.expires_in }
      : undefined;
  } catch {
    return undefined;
  }
}

function basicHeader({ username, password }: { username: string; password: string }): string {
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}
