import type { HostSettings } from "../config/mod.ts";
import type { Scheme } from "./types.ts";

/**
 * Where a registry is contacted.
 *
 * `auto` speaks plain HTTP to this machine and to private IPv4 networks, where registries seldom
 * have certificates, and HTTPS to everyone else.
 *
 * @param host With its port, as in a reference. `docker.io` is served by another name.
 * @param settings What `registries.toml` says goes before `auto`.
 */
export function registryOrigin(
  host: string,
  scheme: Scheme = "auto",
  settings: Pick<HostSettings, "http"> = {},
): string {
  const server = host === "docker.io" ? "registry-1.docker.io" : host;
  const plain = scheme === "http" || (scheme === "auto" && (settings.http ?? isNear(server)));
  return `${plain ? "http" : "https"}://${server}`;
}

function isNear(host: string): boolean {
  const name = host.startsWith("[") ? host.slice(0, host.indexOf("]") + 1) : host.split(":")[0]!;
  if (name.toLowerCase() === "localhost" || name === "[::1]") return true;
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(name)?.slice(1).map(Number);
  if (!octets || octets.some((octet) => octet > 255)) return false;
  const [a, b] = octets as [number, number];
  return a === 127 || a === 10 || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168);
}

/** This machine itself: what is sent there in the clear, nobody else reads. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** The host as references name it. */
export function referenceHost(host: string): string {
  return host === "registry-1.docker.io" || host === "index.docker.io" ? "docker.io" : host;
}
