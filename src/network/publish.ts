import { CtrError } from "../core/mod.ts";
import { withoutPrefix } from "./endpoint.ts";
import type { NetdPublished } from "./netd_protocol.ts";
import { bracketed } from "./port.ts";
import type { Endpoint, PublishedAt, PublishedPort } from "./types.ts";

/** `localhost` has two addresses; `all` is every one of this host. */
export function publishAddresses(asked: string): readonly string[] {
  if (asked === "localhost") return ["127.0.0.1", "::1"];
  if (asked === "all") return ["0.0.0.0", "::"];
  return [asked];
}

/** What the network's process is asked: for the guest's address of the same family, if it has one. */
export function publishRequest(
  endpoint: Endpoint,
  containerId: string,
  { protocol, hostAddress, hostPort, containerPort, proxyProtocol }: PublishedPort,
): NetdPublished {
  const host = bracketed(hostAddress);
  const six = hostAddress.includes(":");
  const guest = endpoint.addresses.map(withoutPrefix)
    .toSorted((a) => a.includes(":") === six ? -1 : 1)[0]!;
  return {
    id: `${containerId}/${host}:${hostPort}/${containerPort}/${protocol}`,
    network: protocol,
    host: `${host}:${hostPort}`,
    guest: `${bracketed(guest)}:${containerPort}`,
    ...(proxyProtocol && { proxyProtocol }),
  };
}

/** What people are told. @param holder The container of ours that has the port. */
export function publishError(
  error: unknown,
  { hostAddress, hostPort, protocol }: PublishedPort,
  holder: () => string | undefined,
): unknown {
  if (!(error instanceof CtrError)) return error;
  const what = `cannot publish port ${hostPort}/${protocol} at ${hostAddress}`;
  if (error.code === "conflict") {
    const name = holder();
    const who = name ? `container "${name}" has it` : "another program has it";
    return new CtrError("conflict", `${what}: ${who}`, { cause: error });
  }
  if (error.code === "denied") {
    return new CtrError("denied", `${what}: ports below 1024 need rights that you do not have`, {
      hint: "publish a port above 1023, or lower net.ipv4.ip_unprivileged_port_start",
      cause: error,
    });
  }
  if (error.code === "usage") {
    return new CtrError("usage", `${what}: this host has no such address`, { cause: error });
  }
  return new CtrError(error.code, `${what}: ${error.message}`, { cause: error });
}

/** @param port With the address at which it listens. */
export function publishedAt(network: string, port: NetdPublished): PublishedAt {
  const split = (text: string) => {
    const colon = text.lastIndexOf(":");
    return [text.slice(0, colon).replace(/^\[|\]$/g, ""), Number(text.slice(colon + 1))] as const;
  };
  const [hostAddress, hostPort] = split(port.host);
  const [, containerPort] = split(port.guest);
  return { id: port.id, network, protocol: port.network, hostAddress, hostPort, containerPort };
}

/** For people: by the container's ports, and IPv4 before IPv6. */
export function byContainerPort(a: PublishedAt, b: PublishedAt): number {
  const key = ({ protocol, hostAddress }: PublishedAt) =>
    `${protocol} ${hostAddress.includes(":") ? 6 : 4} ${hostAddress}`;
  return a.containerPort - b.containerPort || (key(a) < key(b) ? -1 : 1);
}
