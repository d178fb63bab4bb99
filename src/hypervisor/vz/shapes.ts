import { z } from "zod";

/** What the shim reads and writes, as `ffi/README.md` describes it. What it writes is checked here. */
export interface ShimShare {
  readonly path: string;
  readonly readOnly: boolean;
}

export interface ShimVmConfig {
  readonly kernel: string;
  readonly commandLine: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly machineId: string;
  readonly nested?: boolean;
  readonly disks: readonly {
    readonly path: string;
    readonly readOnly: boolean;
    readonly serial: string;
    readonly caching: "automatic" | "uncached" | "cached";
    readonly sync: "full" | "fsync" | "none";
  }[];
  readonly nics: readonly (
    | { readonly kind: "fd"; readonly fd: number; readonly mac: string }
    | { readonly kind: "vmnet"; readonly network: number; readonly mac: string }
    | { readonly kind: "nat"; readonly mac: string }
  )[];
  readonly console?: { readonly outputFd: number };
  readonly shares: readonly ({ readonly tag: string } & (ShimShare | { readonly rosetta: true }))[];
  readonly balloon: boolean;
  readonly entropy: boolean;
  readonly vsock: boolean;
}

export interface ShimNetworkConfig {
  readonly mode: "shared" | "host";
  readonly ipv4?: { readonly address: string; readonly mask: string };
  readonly ipv6?: { readonly prefix: string; readonly length: number };
  readonly mtu?: number;
  readonly dhcp?: boolean;
  readonly forwards?: readonly {
    readonly protocol: "tcp" | "udp";
    readonly hostPort: number;
    readonly guestAddress: string;
    readonly guestPort: number;
  }[];
}

export const NetworkFacts = z.object({
  ipv4: z.object({ address: z.string(), mask: z.string() }).optional(),
  ipv6: z.object({ prefix: z.string(), length: z.int() }).optional(),
});
export type NetworkFacts = z.output<typeof NetworkFacts>;

const range = z.object({ min: z.number(), max: z.number() });

/** What this Mac can do. */
export const HostFacts = z.object({
  supported: z.boolean(),
  os: z.string(),
  cpus: range,
  memoryBytes: range,
  nested: z.boolean(),
  rosetta: z.enum(["unsupported", "missing", "installed"]),
  vmnet: z.boolean(),
  /** This program is signed with the entitlement for virtual machines. */
  entitled: z.boolean(),
});
export type HostFacts = z.output<typeof HostFacts>;

/** An `NSError`, flattened. Its texts are Apple's, in the user's language. */
export const ShimFault = z.object({
  domain: z.string(),
  code: z.int(),
  message: z.string(),
  reason: z.string().optional(),
  /** The path or tag that it is about. */
  subject: z.string().optional(),
  get cause() {
    return ShimFault.optional();
  },
});
export interface ShimFault {
  domain: string;
  code: number;
  message: string;
  reason?: string | undefined;
  subject?: string | undefined;
  cause?: ShimFault | undefined;
}

const descriptor = z.int().min(0);

export const ShimEvent = z.discriminatedUnion("event", [
  z.object({
    event: z.literal("done"),
    token: z.int().min(1),
    error: ShimFault.optional(),
    fd: descriptor.optional(),
  }),
  z.object({ event: z.literal("stopped"), vm: z.int().min(1), error: ShimFault.optional() }),
  z.object({ event: z.literal("accept"), vm: z.int().min(1), port: z.int(), fd: descriptor }),
  z.object({
    event: z.literal("network-lost"),
    vm: z.int().min(1),
    nic: z.int(),
    error: ShimFault,
  }),
]);
export type ShimEvent = z.output<typeof ShimEvent>;
