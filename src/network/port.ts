import { withoutPrefix } from "./endpoint.ts";
import type { NetdPort } from "./netd_protocol.ts";
import type { Endpoint, PluggedGuest } from "./types.ts";

/** As it stands before a colon and a port. */
export function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** What a network's process is told of a guest. */
export function portOf(endpoint: Endpoint, guest: PluggedGuest): NetdPort {
  const { id, socket, datagram, egress, hostAccess = true } = guest;
  return {
    id,
    mac: endpoint.mac,
    addresses: endpoint.addresses.map(withoutPrefix),
    socket,
    ...(datagram && { datagram: true }),
    ...(endpoint.tap && { tap: endpoint.tap }),
    names: endpoint.names,
    ...(endpoint.gateway4 && { gateway4: endpoint.gateway4 }),
    ...(egress && { egress: { ...egress, allow: [...egress.allow] } }),
    ...(!hostAccess && { noHostAccess: true }),
  };
}
