/**
 * Networks: their ranges, who has which address, and the process that each of them is.
 *
 * @module
 */
export { formatAddress, parseAddress, parseCidr } from "./cidr.ts";
export { DEFAULT_NETWORK, MTU } from "./create_network.ts";
export type { CreateNetwork } from "./create_network.ts";
export { checkEgress } from "./egress.ts";
export { guestInterfaces, HOST_GATEWAY, HOST_NAMES, RESOLVER } from "./guest_view.ts";
export { Networks } from "./networks.ts";
export type { NetworksOptions } from "./networks.ts";
export type { Denial, NetdStatus } from "./netd_protocol.ts";
export { NetworkRecords } from "./records.ts";
export { AddressPlan } from "./plan.ts";
export type {
  Egress,
  Endpoint,
  EndpointRequest,
  NetworkConfig,
  PluggedGuest,
  PublishedAt,
  PublishedPort,
} from "./types.ts";
