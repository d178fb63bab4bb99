import { lookup } from "node:dns/promises";
import type { Environment } from "../api/mod.ts";
import { CtrError, isCtrError, withDeadline } from "../core/mod.ts";
import { callerOptions } from "./caller.ts";
import { type CheckStep, DEADLINES, loginStep } from "./check_login.ts";
import type { Connections, Route } from "./connections.ts";
import { NetworkFailure, type Subject } from "./failures.ts";
import { endpointsOf, originOf } from "./mirrors.ts";
import { askPeer, connectTime, type Peer } from "./peer.ts";
import { Transport } from "./transport.ts";
import type { RegistryOptions, Scheme } from "./types.ts";

const STEP_MS = 8000;

export interface CheckOptions {
  readonly environment: Environment;
  /** The ctr home, where logins are kept. */
  readonly home: string;
  readonly scheme?: Scheme;
}

/**
 * Goes to a registry step by step, the way that a pull would go, and tells what it finds.
 *
 * @param host As in a reference: `docker.io`, `registry.example:5000`.
 * @throws {CtrError} `usage` if the configuration cannot be used.
 */
export async function* checkRegistry(
  host: string,
  { environment, home, scheme = "auto" }: CheckOptions,
): AsyncGenerator<CheckStep> {
  const caller = await callerOptions(environment, home);
  const { connections } = caller;
  const { base } = originOf(connections, host, scheme);
  const url = new URL(`${base}/v2/`);
  const route = await connections.route(url, host);
  const steps = [
    () => configuration(host, url, connections, route),
    () => nameStep(url, route),
    () => connectionStep(url, route),
  ];
  for (const step of steps) {
    const told = await step();
    yield told;
    if (told.status === "failed") return;
  }
  const reached = await reach(host, url, caller);
  if (url.protocol === "https:") {
    const told = await tlsStep(url, route, reached, connections, host);
    yield told;
    if (told.status === "failed") return;
  }
  const http = httpStep(reached);
  yield http;
  if (http.status === "failed" || !("status" in reached)) return;
  const login = await loginStep(host, scheme, reached.status, reached.challenge, caller);
  yield login;
  if (login.status === "failed") return;
  for (const mirror of endpointsOf(connections, host, scheme).filter((each) => each.mirror)) {
    yield await mirrorStep(mirror.host, new URL(`${mirror.base}/v2/`), caller);
  }
}

function configuration(
  host: string,
  url: URL,
  connections: Connections,
  { proxy, trust, skipVerify }: Route,
): CheckStep {
  const { mirrors, blocked } = connections.settings(host);
  const { path } = connections.config;
  if (blocked) {
    return {
      name: "configuration",
      status: "failed",
      fact: `${host} is blocked`,
      hint: `see "${path}"`,
    };
  }
  const facts = [
    `${url.protocol}//${url.host}`,
    proxy ? `by the proxy ${proxy.shown} (${proxy.source})` : "no proxy",
    ...(mirrors.length > 0 ? [`mirrors ${mirrors.map((mirror) => mirror.host).join(", ")}`] : []),
    ...(trust.files.length > 0 ? [`certificates of ${trust.files.join(", ")}`] : []),
    ...(skipVerify ? ["its certificate is NOT CHECKED (skip_verify)"] : []),
  ];
  return {
    name: "configuration",
    status: skipVerify ? "warning" : "ok",
    fact: facts.join("; "),
    details: {
      url: `${url.protocol}//${url.host}`,
      proxy: proxy?.shown ?? null,
      mirrors: mirrors.map((mirror) => mirror.host),
      certificateFiles: trust.files,
      skipVerify,
      file: path,
    },
  };
}

/** Behind a proxy it is the proxy that is looked up here; the registry is looked up by the proxy. */
function firstServer(url: URL, { proxy }: Route): { host: string; port: number } {
  const server = proxy ? new URL(proxy.url) : url;
  const defaults: Record<string, number> = { "https:": 443, "http:": 80 };
  return {
    host: server.hostname.replace(/^\[|\]$/g, ""),
    port: Number(server.port || (defaults[server.protocol] ?? 1080)),
  };
}

async function nameStep(url: URL, route: Route): Promise<CheckStep> {
  const { host } = firstServer(url, route);
  try {
    const found = await withDeadline(
      `looking up ${host}`,
      STEP_MS,
      () => lookup(host, { all: true }),
    );
    const addresses = [...new Set(found.map(({ address }) => address))].slice(0, 16);
    const fact = addresses.includes(host)
      ? `${host} is an address`
      : `${host} is ${addresses.join(", ")}`;
    return { name: "name", status: "ok", fact, details: { host, addresses } };
  } catch (error) {
    const slow = isCtrError(error, "timeout");
    return {
      name: "name",
      status: "failed",
      fact: slow ? `no name server answers for ${host}` : `${host} is not known to the name server`,
      hint: "look at the spelling, the network and /etc/resolv.conf",
      details: { host },
    };
  }
}

async function connectionStep(url: URL, route: Route): Promise<CheckStep> {
  const { host, port } = firstServer(url, route);
  const what = `${host} port ${port}${route.proxy ? " (the proxy)" : ""}`;
  try {
    const ms = Math.round(await connectTime(host, port, STEP_MS));
    return {
      name: "connection",
      status: "ok",
      fact: `${what} in ${ms} ms`,
      details: { host, port, ms },
    };
  } catch (error) {
    const refused = (error as { code?: string }).code === "ECONNREFUSED";
    return {
      name: "connection",
      status: "failed",
      fact: refused ? `${what} refuses the connection` : `${what} does not answer`,
      hint: refused
        ? "nothing listens there: look at the port"
        : "a firewall may be between, or the proxy may be missing",
      details: { host, port },
    };
  }
}

type Reached =
  | { readonly status: number; readonly challenge: string }
  | { readonly failure: CtrError };

async function reach(host: string, url: URL, caller: RegistryOptions): Promise<Reached> {
  const transport = new Transport({ ...caller, deadlines: DEADLINES });
  const subject: Subject = { action: `cannot use "${host}"`, host, kind: "login" };
  try {
    const answer = await transport.send({ method: "GET", url: url.href, subject });
    await answer.drain();
    return { status: answer.status, challenge: answer.headers.get("www-authenticate") ?? "" };
  } catch (failure) {
    if (failure instanceof CtrError) return { failure };
    throw failure;
  }
}

async function tlsStep(
  url: URL,
  { proxy, skipVerify }: Route,
  reached: Reached,
  connections: Connections,
  host: string,
): Promise<CheckStep> {
  const peer = await askPeer(url, proxy, STEP_MS).catch(() => undefined);
  const details = peer && { ...peer };
  const reason = "failure" in reached && reached.failure instanceof NetworkFailure
    ? reached.failure.reason
    : undefined;
  const failed = (fact: string, hint?: string): CheckStep => (
    { name: "tls", status: "failed", fact, hint, ...(details && { details }) }
  );
  if (reason === "proxy" || reason === "proxy-login") {
    const { failure } = reached as { failure: CtrError };
    return failed(factOf(failure), failure.hint);
  }
  if (reason === "not-tls") {
    return failed("it does not speak TLS", "for plain HTTP add: --scheme http");
  }
  if (reason === "client-certificate") {
    return failed("it wants a certificate of ours", 'name "cert" and "key" in registries.toml');
  }
  if (!peer) {
    return "failure" in reached
      ? failed(factOf(reached.failure), reached.failure.hint)
      : { name: "tls", status: "ok", fact: "its certificate is trusted" };
  }
  if (reason === "authority") {
    const place = connections.authorityPlace(host);
    return failed(
      `the certificate of ${peer.subject} is by ${peer.issuer}, whom nothing here trusts`,
      `put the certificate of ${peer.issuer} into ${place}, or name it as "ca" in registries.toml`,
    );
  }
  if (reason === "expired") {
    return failed(
      `the certificate was valid from ${day(peer.validFrom)} to ${day(peer.validTo)}`,
      "its owner has to renew it, if the clock here is right",
    );
  }
  if (reason === "mismatch") {
    return failed(
      `the certificate is for ${peer.names.join(", ") || peer.subject}, not for ${url.hostname}`,
      "use one of these names, or have the certificate made for this one",
    );
  }
  const checked = skipVerify ? ", NOT CHECKED" : "";
  return {
    name: "tls",
    status: skipVerify ? "warning" : "ok",
    fact: describe(peer) + checked,
    details: { ...peer },
  };
}

function describe({ protocol, subject, issuer, validTo }: Peer): string {
  return `${protocol}, certificate of ${subject} by ${issuer}, valid to ${day(validTo)}`;
}

function day(iso: string): string {
  return iso.slice(0, 10);
}

/** The last part of the sentence: what was to be done is known here. */
function factOf({ message }: CtrError): string {
  return message.replace(/^cannot use "[^"]*": /, "");
}

function httpStep(reached: Reached): CheckStep {
  if ("failure" in reached) {
    const { failure } = reached;
    return { name: "http", status: "failed", fact: factOf(failure), hint: failure.hint };
  }
  const { status } = reached;
  const details = { status };
  if (status === 200) return { name: "http", status: "ok", fact: "HTTP 200: a registry", details };
  if (status === 401) {
    return {
      name: "http",
      status: "ok",
      fact: "HTTP 401: a registry that asks who we are",
      details,
    };
  }
  const hint = status === 404
    ? "this server is no registry, or has it under another name or port"
    : status === 407
    ? "put a user name and a password into the proxy's URL"
    : status >= 500
    ? "try again later"
    : undefined;
  return { name: "http", status: "failed", fact: `HTTP ${status}`, hint, details };
}

async function mirrorStep(host: string, url: URL, caller: RegistryOptions): Promise<CheckStep> {
  const reached = await reach(host, url, caller);
  const details = { host };
  if ("status" in reached && [200, 401].includes(reached.status)) {
    return { name: "mirror", status: "ok", fact: `${host} answers`, details };
  }
  const fact = "failure" in reached ? factOf(reached.failure) : `HTTP ${reached.status}`;
  return { name: "mirror", status: "warning", fact: `${host}: ${fact}; it is left out`, details };
}
