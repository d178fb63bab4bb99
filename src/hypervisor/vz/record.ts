import { join } from "node:path";
import { z } from "zod";
import { CtrError, writeFileAtomic } from "../../core/mod.ts";

/** `<name>.pid`, `<name>.claim`, `<name>.log` of a monitor in its folder. */
export const DAEMON = "monitor";

/** What a monitor listens at, in the VM's folder. */
export const SOCKETS = { control: "vm.sock", vsock: "vsock.sock" } as const;

const Network = z.object({
  name: z.string(),
  mode: z.enum(["shared", "host"]),
  ipv4: z.object({ address: z.string(), mask: z.string() }).optional(),
  ipv6: z.object({ prefix: z.string(), length: z.int() }).optional(),
  mtu: z.int().optional(),
  dhcp: z.boolean().optional(),
  forwards: z.array(z.object({
    protocol: z.enum(["tcp", "udp"]),
    hostPort: z.int(),
    guestAddress: z.string(),
    guestPort: z.int(),
  })).optional(),
});
export type NetworkPlan = z.output<typeof Network>;

const Nic = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("stream"), mac: z.string() }),
  z.object({ kind: z.literal("nat"), mac: z.string() }),
  z.object({ kind: z.literal("vmnet"), mac: z.string() }),
]);

/** All that a monitor needs to make the VM, with nothing left to decide. */
const Plan = z.object({
  kernel: z.string(),
  commandLine: z.string(),
  machineId: z.string().optional(),
  cpus: z.int().min(1),
  memoryBytes: z.int().min(1),
  disks: z.array(z.object({ path: z.string(), readonly: z.boolean(), serial: z.string() })),
  nics: z.array(Nic),
  /** As the framework gets them: always folders. */
  shares: z.array(z.object({ tag: z.string(), path: z.string(), readonly: z.boolean() })),
  rosetta: z.boolean(),
  nested: z.boolean(),
  restore: z.string().optional(),
});
export type VmPlan = z.output<typeof Plan>;

/** Written before the monitor starts: what it runs, and what a later engine must know. */
const VmRecord = z.object({
  version: z.literal(1),
  kind: z.literal("vm"),
  id: z.string(),
  /** The shim. */
  library: z.string(),
  /** Of the process that holds the VM: the VM's own folder, or its network's. */
  monitor: z.string(),
  console: z.string(),
  startedMs: z.number(),
  plan: Plan,
  /** As the user sees them, in the order of their devices. */
  shares: z.array(z.object({
    at: z.int(),
    tag: z.string(),
    path: z.string(),
    readonly: z.boolean(),
    single: z.boolean(),
  })),
});
export type VmRecord = z.output<typeof VmRecord>;

/** The record of a monitor that holds a network and the VMs on it. */
const NetworkRecord = z.object({
  version: z.literal(1),
  kind: z.literal("network"),
  library: z.string(),
  network: Network,
});
export type NetworkRecord = z.output<typeof NetworkRecord>;

const AnyRecord = z.discriminatedUnion("kind", [VmRecord, NetworkRecord]);

export async function writeRecord(
  folder: string,
  record: VmRecord | NetworkRecord,
): Promise<void> {
  await writeFileAtomic(recordPath(folder), JSON.stringify(record) + "\n", { durable: false });
}

/**
 * @returns `undefined` if there is none.
 * @throws {CtrError} `bad-data` if the record is not one.
 */
export async function readRecord(folder: string): Promise<VmRecord | NetworkRecord | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(recordPath(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  if (text === "") return undefined; // a power cut, which no VM survives
  try {
    return AnyRecord.parse(JSON.parse(text));
  } catch (cause) {
    const path = recordPath(folder);
    throw new CtrError("bad-data", `cannot read "${path}": not a monitor's record`, { cause });
  }
}

export async function readVmRecord(folder: string): Promise<VmRecord | undefined> {
  const record = await readRecord(folder);
  return record?.kind === "vm" ? record : undefined;
}

/** Beside a saved state: which machine it is of. */
export function machineIdFile(saved: string): string {
  return `${saved}.machine-id`;
}

function recordPath(folder: string): string {
  return join(folder, "vz.json");
}
