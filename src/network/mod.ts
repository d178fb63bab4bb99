/**
 * Networks: their ranges, who has which address, and the process that each of them is.
 *
 * @module
 */
export { formatAddress, parseAddress, parseCidr } from "./cidr.ts";
export { DEFAULT_NETWORK, MTU, Networks } from "./networks.ts";
export type { CreateNetwork, NetworksOptions } from "./networks.ts";
export type { Denial, NetdStatus } from "./netd_protocol.ts";
export { NetworkRecords } from "./records.ts";
export type { Egress, Endpoint, EndpointRequest, NetworkConfig, PublishedPort } from "./types.ts";
