import { join } from "node:path";
import { CtrError } from "../../core/mod.ts";
import { type Hypervisor, nicSocket } from "../../hypervisor/mod.ts";
import type { Endpoint, EndpointRequest, Networks } from "../../network/mod.ts";
import type { PortSpec } from "../../api/mod.ts";
import type { ContainerConfig } from "../types.ts";

/** What containers need of the networks of a home. */
export type NetworkStore = Pick<
  Networks,
  | "attach"
  | "plug"
  | "publish"
  | "unpublish"
  | "release"
  | "rename"
  | "rejoin"
  | "endpointsOf"
  | "publishedOf"
  | "publishAddresses"
  | "searchDomains"
  | "listening"
  | "get"
>;

/** How often another free port is tried that is free at every address. */
const ATTEMPTS = 16;

/**
 * Gives a container its places in its networks, and takes its ports of the host: what cannot be had is
 * known before anything boots.
 *
 * @throws {CtrError} as `attach()` and `publish()`; it holds nothing then.
 */
export async function joinNetworks(
  networks: NetworkStore,
  config: ContainerConfig,
): Promise<Endpoint[]> {
  const endpoints: Endpoint[] = [];
  try {
    for (const request of requestsOf(config)) endpoints.push(await networks.attach(request));
    if (endpoints[0]) await publishPorts(networks, endpoints[0], config);
    return endpoints;
  } catch (error) {
    await networks.release(config.id);
    throw error;
  }
}

/** Where a VM's wires are, and how they are handed over. */
export interface Wiring {
  /** The VM's. */
  readonly folder: string;
  readonly wire: Hypervisor["nicWire"];
}

/** Connects the wires of a VM whose monitor is there. */
export async function plugNetworks(
  networks: NetworkStore,
  config: ContainerConfig,
  endpoints: readonly Endpoint[],
  wiring: Wiring,
): Promise<void> {
  for (const [at, endpoint] of endpoints.entries()) {
    await networks.plug(endpoint, guestOf(config, wiring, at));
  }
}

/** Takes the places again that a VM of an earlier engine has. */
export async function rejoinNetworks(
  networks: NetworkStore,
  config: ContainerConfig,
  wiring: Wiring,
): Promise<void> {
  for (const [at, request] of requestsOf(config).entries()) {
    const { endpoint, known } = await networks.rejoin(request, guestOf(config, wiring, at));
    if (at === 0 && !known) await publishPorts(networks, endpoint, config);
  }
}

function requestsOf({ id, name, networks, egress }: ContainerConfig): EndpointRequest[] {
  return networks.map(({ name: network, ...asked }) => ({
    network,
    container: { id, name },
    ...(egress && { egress }),
    ...asked,
  }));
}

function guestOf(
  { id, egress, hostAccess }: ContainerConfig,
  { folder, wire }: Wiring,
  at: number,
) {
  const datagram = wire === "datagram";
  return { id, socket: join(folder, nicSocket(at)), datagram, egress, hostAccess };
}

async function publishPorts(
  networks: NetworkStore,
  endpoint: Endpoint,
  { id, ports, proxyProtocol }: ContainerConfig,
): Promise<void> {
  for (const { protocol, hostAddress, containerPort, ...wanted } of ports) {
    const addresses = networks.publishAddresses(hostAddress);
    const publish = (address: string, port: number) =>
      networks.publish(endpoint, id, {
        protocol,
        hostAddress: address,
        hostPort: port,
        containerPort,
        proxyProtocol: proxyProtocol && protocol === "tcp",
      });
    await publishEverywhere(addresses, wanted, publish, (at) => networks.unpublish(endpoint, at));
  }
}

/** The ports to try, in their order: any that is free, each time another; those of a range; or one. */
function candidates({ hostPort, lastHostPort = hostPort }: Wanted): number[] {
  if (hostPort === 0) return Array.from({ length: ATTEMPTS }, () => 0);
  return Array.from({ length: lastHostPort - hostPort + 1 }, (_, at) => hostPort + at);
}

type Wanted = Pick<PortSpec, "hostPort" | "lastHostPort">;

/** At all addresses the same port, be it any. An address that this host does not have is left out. */
async function publishEverywhere(
  addresses: readonly string[],
  wanted: Wanted,
  publish: (address: string, port: number) => Promise<Published>,
  unpublish: (id: string) => Promise<void>,
): Promise<void> {
  const ports = candidates(wanted);
  for (const candidate of ports) {
    const done: string[] = [];
    let port = candidate;
    try {
      for (const address of addresses) {
        try {
          const { id, hostPort } = await publish(address, port);
          done.push(id);
          port = hostPort;
        } catch (error) {
          const missing = error instanceof CtrError && error.code === "usage";
          const last = address === addresses.at(-1);
          if (!missing || addresses.length === 1 || (last && done.length === 0)) throw error;
        }
      }
      return;
    } catch (error) {
      for (const id of done) await unpublish(id);
      const taken = error instanceof CtrError && error.code === "conflict";
      if (!taken || ports.length === 1) throw error;
    }
  }
  const { hostPort, lastHostPort } = wanted;
  const which = hostPort === 0 ? "a free port" : `a port of ${hostPort}-${lastHostPort}`;
  throw new CtrError(
    "conflict",
    `cannot publish ${which} of the host: each that was tried is taken`,
  );
}

type Published = Awaited<ReturnType<NetworkStore["publish"]>>;
