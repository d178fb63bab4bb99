import { z } from "zod";

const port = z.int().min(1).max(65_535);
const texts = z.record(z.string(), z.string());
const protocol = z.enum(["tcp", "udp"]);

/** What a container asks of a network. */
export const NetworkAttachment = z.strictObject({
  name: z.string().min(1).max(64),
  /** Further names for its peers. */
  aliases: z.array(z.string().min(1).max(253)).max(64).default([]),
  ip: z.string().optional(),
  ip6: z.string().optional(),
  mac: z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i, "a MAC address has six bytes")
    .transform((text) => text.toLowerCase())
    .refine((text) => (Number.parseInt(text, 16) & 1) === 0, "it is a group's address")
    .optional(),
  mtu: z.int().min(1280).max(65_535).optional(),
});
export type NetworkAttachment = z.output<typeof NetworkAttachment>;

/** A port of the host that leads to one of a container. */
export const PortSpec = z.strictObject({
  protocol: protocol.default("tcp"),
  /** An address of the host; absent: the configured ones. */
  hostAddress: z.string().optional(),
  /** 0: any that is free. */
  hostPort: z.int().min(0).max(65_535).default(0),
  /** With `hostPort` a range of which the first that is free is taken. */
  lastHostPort: port.optional(),
  containerPort: port,
});
export type PortSpec = z.output<typeof PortSpec>;

export const ExposedPort = z.strictObject({ port, protocol: protocol.default("tcp") });
export type ExposedPort = z.output<typeof ExposedPort>;

/** Where guests may connect to. */
export const EgressSpec = z.strictObject({
  default: z.enum(["allow", "deny"]).default("deny"),
  /** Exceptions to `deny`: a name (`a.test`, `*.a.test`) or a range of addresses, and a port or 0 for all. */
  allow: z.array(z.strictObject({
    name: z.string().max(253).optional(),
    range: z.string().max(64).optional(),
    port: z.int().min(0).max(65_535).default(0),
  })).max(1000).default([]),
});
export type EgressSpec = z.output<typeof EgressSpec>;

/** `bridge`: a bridge of the host's kernel (Linux, root). */
const driver = z.enum(["user", "bridge"]);

export const CreateNetworkRequest = z.strictObject({
  name: z.string(),
  driver: driver.default("user"),
  /** CIDR, or `none`. Absent: one that is free. */
  ipv4Subnet: z.string().optional(),
  ipv6Subnet: z.string().optional(),
  mtu: z.int().optional(),
  internal: z.boolean().default(false),
  hostAccess: z.boolean().default(true),
  egress: EgressSpec.optional(),
  labels: texts.default({}),
  options: texts.default({}),
});
export type CreateNetworkRequest = z.output<typeof CreateNetworkRequest>;

/** A network as `ls` and `inspect` show it. */
export const Network = z.strictObject({
  id: z.string(), // its name
  configuration: z.strictObject({
    name: z.string(),
    creationDate: z.iso.datetime(),
    /** `hostOnly`: it leads nowhere. */
    mode: z.enum(["nat", "hostOnly"]),
    driver,
    ipv4Subnet: z.string().optional(),
    ipv6Subnet: z.string().optional(),
    mtu: z.int(),
    hostAccess: z.boolean(),
    egress: EgressSpec.optional(),
    labels: texts,
    options: texts,
  }),
  status: z.strictObject({
    ipv4Subnet: z.string().optional(),
    ipv4Gateway: z.string().optional(),
    ipv6Subnet: z.string().optional(),
    ipv6Gateway: z.string().optional(),
    /** Of the network's process, while it runs. */
    pid: z.int().optional(),
    /** Those that are in it now. */
    containers: z.array(z.strictObject({
      id: z.string(),
      name: z.string(),
      addresses: z.array(z.string()),
      macAddress: z.string(),
    })),
    /** Names of all that refer to it, stopped ones included. */
    usedBy: z.array(z.string()),
    /** What egress rules have refused, by guest and destination; since its process began. */
    denials: z.array(z.strictObject({
      guest: z.string(),
      network: z.string(),
      to: z.string(),
      count: z.number(),
      lastAt: z.iso.datetime(),
    })),
    /** Frames of guests that were dropped, since its process began. */
    dropped: z.strictObject({
      malformed: z.number(),
      spoofed: z.number(),
      flooded: z.number(),
      overrun: z.number(),
    }),
  }),
});
export type Network = z.output<typeof Network>;

export const PruneNetworksRequest = z.strictObject({
  /** `label=KEY[=VALUE]`, `label!=KEY[=VALUE]`. */
  filters: z.array(z.string()).default([]),
});
export const PruneNetworksReply = z.strictObject({ removed: z.array(z.string()) });
export type PruneNetworksReply = z.output<typeof PruneNetworksReply>;

export const ConnectRequest = z.strictObject({
  container: z.string(),
  ...NetworkAttachment.omit({ name: true }).shape,
});
export const DisconnectRequest = z.strictObject({ container: z.string() });

/** A published port of a container that runs. */
export const PublishedPort = z.strictObject({
  protocol,
  hostAddress: z.string(),
  hostPort: port,
  containerPort: port,
});
export type PublishedPort = z.output<typeof PublishedPort>;

/** Whether somebody in the container listens. */
export const PortState = z.strictObject({ ...PublishedPort.shape, listening: z.boolean() });
export type PortState = z.output<typeof PortState>;

export const CreateDomainRequest = z.strictObject({ name: z.string() });
/** Domains in which the host finds containers, and the UDP port of 127.0.0.1 that answers for them. */
export const HostDomainList = z.strictObject({ domains: z.array(z.string()), port: z.int() });
export type HostDomainList = z.output<typeof HostDomainList>;

export const DnsAnswer = z.strictObject({
  answers: z.array(z.strictObject({ network: z.string(), addresses: z.array(z.string()) })),
});
export type DnsAnswer = z.output<typeof DnsAnswer>;
