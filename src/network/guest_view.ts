import type { Endpoint } from "./types.ts";

/** Where every guest serves the names of its networks. */
export const RESOLVER = "127.0.0.11";
/** By which the host's loopback is reached. */
export const HOST_NAMES: readonly string[] = [
  "host.docker.internal",
  "host.containers.internal",
  "host.ctr.internal",
];
/** In `--add-host name:host-gateway`, the same. */
export const HOST_GATEWAY = "host-gateway";

/** What a guest is told of its interfaces: `eth0` and on, the first with the way out. */
export function guestInterfaces(endpoints: readonly Endpoint[]) {
  return endpoints.map(({ mac, addresses, gateway4, gateway6, mtu, nameservers }, at) => ({
    mac,
    name: `eth${at}`,
    addresses,
    mtu,
    nameServers: nameservers,
    ...(at === 0 && gateway4 && { gateway4 }),
    ...(at === 0 && gateway6 && { gateway6 }),
  }));
}
