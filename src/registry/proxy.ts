import { CtrError } from "../core/mod.ts";
import type { Environment } from "../api/mod.ts";
import { eitherCase } from "./environment.ts";

const MAX_RULES = 1000;

export interface ProxySettings {
  /** Without a user name. */
  readonly url: string;
  readonly transport: "http" | "https" | "socks5";
  readonly login?: { readonly username: string; readonly password: string };
  /** For people, without a password: `127.0.0.1:3128`. */
  readonly shown: string;
  /** What says so: a variable, or the configuration. */
  readonly source: string;
}

/**
 * The proxy that the environment wants for a URL.
 *
 * `NO_PROXY` and this machine's own addresses go before all else. What is in lower case wins.
 *
 * @throws {CtrError} `usage` if the variable cannot be used.
 */
export function environmentProxy(url: URL, environment: Environment): ProxySettings | undefined {
  if (isOwn(url.hostname) || isExcepted(url, eitherCase(environment, "no_proxy") ?? "")) {
    return undefined;
  }
  for (const name of [`${url.protocol.slice(0, -1)}_proxy`, "all_proxy"]) {
    const value = eitherCase(environment, name);
    if (value === undefined) continue;
    const source = environment[name] ? name : name.toUpperCase();
    return parseProxy(value, source);
  }
  return undefined;
}

/** @param source What is to be named if it is wrong. @throws {CtrError} `usage`. */
export function parseProxy(text: string, source: string): ProxySettings {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  const transport = url && TRANSPORTS[url.protocol];
  if (!url || !transport || url.hostname === "") {
    throw new CtrError(
      "usage",
      `cannot use ${source}: want a proxy, for example http://proxy.example:3128`,
    );
  }
  const login = url.username === ""
    ? undefined
    : { username: decoded(url.username), password: decoded(url.password) };
  // The client of SOCKS takes them from the URL alone.
  const inUrl = transport === "socks5" && url.username !== ""
    ? `${url.username}:${url.password}@`
    : "";
  return {
    url: `${url.protocol}//${inUrl}${url.host}`,
    transport,
    shown: url.host,
    source,
    ...(login && transport !== "socks5" && { login }),
  };
}

const TRANSPORTS: Readonly<Record<string, ProxySettings["transport"]>> = {
  "http:": "http",
  "https:": "https",
  "socks5:": "socks5",
  "socks5h:": "socks5",
};

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * Whether `NO_PROXY` names the host of a URL.
 *
 * Rules are separated by commas or blanks: `*`, a domain (with or without a dot before it, which
 * means its subdomains too), an address, a network such as `10.0.0.0/8`, each with a port if wanted.
 */
export function isExcepted(url: URL, rules: string): boolean {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const name = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "").toLowerCase();
  return rules.split(/[,\s]+/, MAX_RULES).filter(Boolean).some((rule) => matches(rule, name, port));
}

function matches(rule: string, name: string, port: string): boolean {
  const text = rule.toLowerCase();
  if (text === "*") return true;
  const address = readAddress(name);
  const [network = "", bits] = text.split("/");
  const base = readAddress(network.replace(/^\[|\]$/g, ""));
  if (base) return address !== undefined && covers(base, bits, address);
  const [, host = "", wantedPort] = /^(.*?)(?::(\d{1,5}))?$/.exec(text)!;
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const literal = readAddress(host.replace(/^\[|\]$/g, ""));
  if (literal) return address !== undefined && covers(literal, undefined, address);
  const domain = host.replace(/^\*?\./, "");
  return domain !== "" && (name === domain || name.endsWith(`.${domain}`));
}

interface Address {
  readonly bits: number;
  readonly value: bigint;
}

function covers(base: Address, prefix: string | undefined, { bits, value }: Address): boolean {
  const length = prefix === undefined ? base.bits : Number(prefix);
  if (base.bits !== bits || !Number.isInteger(length) || length < 0 || length > bits) return false;
  const rest = BigInt(bits - length);
  return base.value >> rest === value >> rest;
}

/** An IPv4 or IPv6 address; undefined for all else. */
function readAddress(text: string): Address | undefined {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (octets) {
    if (octets.some((octet) => octet > 255)) return undefined;
    return { bits: 32, value: octets.reduce((all, octet) => all << 8n | BigInt(octet), 0n) };
  }
  if (!/^[\da-f:.]*:[\da-f:.]*$/.test(text)) return undefined;
  // The parser of URLs writes every spelling of an IPv6 address in one way.
  const spelled = URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1);
  if (spelled === undefined) return undefined;
  const [head = "", tail] = spelled.split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":");
  const before = groups(head), after = groups(tail ?? "");
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const all = [...before, ...Array(zeros).fill("0"), ...after];
  const value = all.reduce((sum, group) => sum << 16n | BigInt(`0x${group}`), 0n);
  return { bits: 128, value };
}

/** This machine's own services are not behind a proxy. */
function isOwn(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
