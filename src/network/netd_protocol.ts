import { z } from "zod";

/** What `netd` says; see `netd/control`. It is ours, and checked all the same. */
export const PROTOCOL = 1;

export const Hello = z.object({ protocol: z.int(), pid: z.int() });

export const Rules = z.object({
  default: z.enum(["allow", "deny"]),
  allow: z.array(z.object({
    name: z.string().optional(),
    range: z.string().optional(),
    port: z.int().optional(),
  })).nullish(),
});

export const PortStatus = z.object({
  id: z.string(),
  mac: z.string(),
  addresses: z.array(z.string()),
  socket: z.string(),
  tap: z.string().optional(),
  connected: z.boolean(),
  receivedBytes: z.number(),
  sentBytes: z.number(),
  malformed: z.number(),
  spoofed: z.number(),
  flooded: z.number(),
  overrun: z.number(),
});
export type PortStatus = z.output<typeof PortStatus>;

export const Published = z.object({
  id: z.string(),
  network: z.enum(["tcp", "udp"]),
  host: z.string(),
  guest: z.string(),
  proxyProtocol: z.boolean().optional(),
});

export const Denial = z.object({
  guest: z.string(),
  network: z.string(),
  to: z.string(),
  count: z.number(),
  lastMs: z.number(),
});
export type Denial = z.output<typeof Denial>;

export const NetdStatus = z.object({
  ports: z.array(PortStatus),
  published: z.array(Published),
  denials: z.array(Denial),
});
export type NetdStatus = z.output<typeof NetdStatus>;

export const Message = z.union([
  z.object({
    id: z.int(),
    result: z.unknown().optional(),
    error: z.object({ code: z.string(), message: z.string() }).optional(),
  }),
  z.object({ event: z.string(), with: z.unknown().optional() }),
]);

/** The kernel's part of a network, as `netd/network/config.go` reads it. */
export interface NetdBridge {
  readonly name: string;
  readonly tap: string;
  readonly mac: string;
  /** CIDR; one of the two may be missing. */
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/** What `port.add` takes. */
export interface NetdPort {
  readonly id: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  /** That the guest's monitor listens at. */
  readonly socket: string;
  readonly datagram?: boolean;
  /** What the monitor makes instead, where the network is a bridge. */
  readonly tap?: string | undefined;
  readonly names: readonly string[];
  /** What a guest that asks by DHCP is told as its way out. */
  readonly gateway4?: string | undefined;
  readonly egress?: z.input<typeof Rules> | undefined;
  /** Keeps it from this host where its network does not. */
  readonly noHostAccess?: boolean;
}

/** What `publish` takes. */
export interface NetdPublished {
  readonly id: string;
  readonly network: "tcp" | "udp";
  readonly host: string;
  readonly guest: string;
  readonly proxyProtocol?: boolean | undefined;
}
