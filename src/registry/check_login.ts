import { isCtrError } from "../core/mod.ts";
import { Authenticator } from "./auth.ts";
import { openRegistry } from "./client.ts";
import { loginCommand, type Subject } from "./failures.ts";
import { originOf } from "./mirrors.ts";
import { Transport } from "./transport.ts";
import type { Credentials, CredentialSource, Deadlines, RegistryOptions, Scheme } from "./types.ts";

const STEP_MS = 8000;
export const DEADLINES: Deadlines = {
  headersMs: STEP_MS,
  stallMs: STEP_MS,
  firstPauseMs: 100,
  maxPauseMs: 1000,
};

/** One thing that was looked at on the way to a registry. */
export interface CheckStep {
  readonly name: "configuration" | "name" | "connection" | "tls" | "http" | "login" | "mirror";
  /** `warning`: a pull would get around it. After `failed` there are no more steps. */
  readonly status: "ok" | "warning" | "skipped" | "failed";
  readonly fact: string;
  readonly hint?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Whose credentials there are for a registry, and what it says to them. */
export async function loginStep(
  host: string,
  scheme: Scheme,
  status: number,
  challenge: string,
  caller: Required<Pick<RegistryOptions, "connections" | "credentials">>,
): Promise<CheckStep> {
  if (status === 200) {
    return { name: "login", status: "ok", fact: "not asked for", details: { source: null } };
  }
  const found = await findCredentials(host, caller.credentials);
  const details = { source: found?.source.name ?? null };
  try {
    if (found) {
      const credentials = [{ name: "given", find: () => Promise.resolve(found.credentials) }];
      await openRegistry({ ...caller, credentials, deadlines: DEADLINES, attempts: 2 })
        .ping(host, { scheme });
      const fact = `${found.login} of ${found.source.name}`;
      return { name: "login", status: "ok", fact, details: { ...details, login: found.login } };
    }
    const transport = new Transport({ ...caller, deadlines: DEADLINES });
    const subject: Subject = { action: `cannot use "${host}"`, host, kind: "login" };
    const url = `${originOf(caller.connections, host, scheme).base}/v2/`;
    const anonymous = await new Authenticator(transport, []).answer(
      host,
      "",
      challenge,
      undefined,
      { url, subject },
    );
    if (anonymous === undefined) {
      return {
        name: "login",
        status: "failed",
        fact: "it wants a login and there is none",
        hint: `log in with: ${loginCommand(host)}`,
        details,
      };
    }
    return {
      name: "login",
      status: "ok",
      fact: "anonymous: what is public can be pulled",
      details,
    };
  } catch (error) {
    if (!isCtrError(error)) throw error;
    const whose = found ? `${found.login} of ${found.source.name}: ` : "";
    const fact = error.message.replace(/^cannot [^"]*"[^"]*": /, "");
    const hint = error.hint ?? (found ? `log in again with: ${loginCommand(host)}` : undefined);
    return { name: "login", status: "failed", fact: whose + fact, hint, details };
  }
}

async function findCredentials(
  host: string,
  sources: readonly CredentialSource[],
): Promise<{ source: CredentialSource; credentials: Credentials; login: string } | undefined> {
  for (const source of sources) {
    const credentials = await source.find(host);
    if (!credentials) continue;
    const login = credentials.kind === "basic" ? JSON.stringify(credentials.username) : "a token";
    return { source, credentials, login };
  }
  return undefined;
}
