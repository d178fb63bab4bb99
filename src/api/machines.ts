import { z } from "zod";
import { MountSpec } from "./mounts.ts";
import { NetworkAttachment } from "./networks.ts";
import { platformText } from "./schemas.ts";

/** Lower-case words with dashes: it is a host name too. */
export const machineName = z.string().regex(
  /^[a-z0-9](?:[a-z0-9-]{0,55}[a-z0-9])?$/,
  "a machine's name has 1 to 57 lower-case letters, digits and dashes, no dash at its ends",
);

const path = z.string().regex(/^\/[^\0\n:]*$/, "a path begins with a slash").max(4096);
/** As `useradd` takes them, and what directory services add: no field of /etc/passwd can be broken out of. */
const accountName = z.string().regex(
  /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}\$?$/,
  "no name of an account",
);
const id = z.int().min(0).max(2 ** 32 - 2);

/** Who the caller is on the host, and is to be in a machine. */
export const HostUser = z.strictObject({
  name: accountName,
  uid: id,
  gid: id,
  groups: z.array(z.strictObject({ name: accountName, gid: id })).max(256).default([]),
  home: path,
  /** The last word of its path. */
  shell: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/).optional(),
  /** As in LANG. */
  locale: z.string().regex(/^[A-Za-z0-9_.@-]{1,64}$/).optional(),
  /** As in the zone database: `Europe/Paris`. */
  timeZone: z.string().regex(/^[A-Za-z0-9_+/-]{1,64}$/).refine((text) => !text.includes(".."))
    .optional(),
});
export type HostUser = z.output<typeof HostUser>;

/** How the caller's home folder is shared. */
export const HomeMount = z.enum(["rw", "ro", "none"]);
export type HomeMount = z.output<typeof HomeMount>;

export const CreateMachineRequest = z.strictObject({
  name: machineName,
  image: z.string(),
  platform: platformText.optional(),
  cpus: z.int().min(1).max(256).optional(),
  memoryBytes: z.int().positive().optional(),
  /** Capacity of the root disk. */
  diskBytes: z.int().positive().optional(),
  homeMount: HomeMount.default("rw"),
  mounts: z.array(MountSpec).max(64).default([]),
  networks: z.array(NetworkAttachment).max(8).optional(),
  user: HostUser,
  /** `auto`: systemd where the image has it, else an init of ours that runs nothing itself. */
  init: z.enum(["auto", "systemd", "vminitd"]).default("auto"),
  /** A script that runs as root, once, behind the first start. */
  provision: z.string().max(1 << 20).optional(),
  /** The caller's ssh-agent is to be reached from within. */
  sshAgent: z.strictObject({ socket: path }).optional(),
  kernel: z.string().optional(),
  setDefault: z.boolean().default(false),
});
export type CreateMachineRequest = z.output<typeof CreateMachineRequest>;
export type CreateMachineInput = z.input<typeof CreateMachineRequest>;

/** A machine as `machine ls` and `inspect` show it. */
export const Machine = z.strictObject({
  /** Its name. */
  id: z.string(),
  default: z.boolean(),
  state: z.enum(["created", "starting", "running", "paused", "stopping", "restarting", "exited"]),
  image: z.strictObject({ reference: z.string(), digest: z.string() }),
  platform: z.strictObject({
    os: z.string(),
    architecture: z.string(),
    variant: z.string().optional(),
  }),
  init: z.enum(["systemd", "vminitd"]),
  user: z.strictObject({
    name: z.string(),
    uid: z.int(),
    gid: z.int(),
    home: z.string(),
    /** Known once it was provisioned. */
    shell: z.string().optional(),
  }),
  homeMount: HomeMount,
  resources: z.strictObject({ cpus: z.int(), memoryInBytes: z.int() }),
  disk: z.strictObject({
    sizeInBytes: z.int(),
    /** What the host has given it. */
    allocatedInBytes: z.int(),
  }),
  creationDate: z.string(),
  startedAt: z.string().optional(),
  /** Of its container: what commands about containers take. */
  containerId: z.string(),
  ipAddress: z.string().optional(),
  /** It was made ready for its user. */
  provisioned: z.boolean(),
});
export type Machine = z.output<typeof Machine>;

export const SetMachineRequest = z.strictObject({
  cpus: z.int().min(1).max(256).optional(),
  memoryBytes: z.int().positive().optional(),
  homeMount: HomeMount.optional(),
  /** A path, or empty for the own one. */
  kernel: z.string().optional(),
});
export type SetMachineRequest = z.output<typeof SetMachineRequest>;

export const SetMachineReply = z.strictObject({
  name: z.string(),
  /** What only holds from the next start on. */
  warnings: z.array(z.string()),
});
export type SetMachineReply = z.output<typeof SetMachineReply>;

/** What is needed to run something in a machine, which is started where it is not running. */
export const EnterMachineRequest = z.strictObject({
  /** The caller's working directory. */
  cwd: path.optional(),
  root: z.boolean().default(false),
  /** Where the caller's ssh-agent listens now. */
  sshAgent: z.strictObject({ socket: path }).optional(),
});
export type EnterMachineRequest = z.output<typeof EnterMachineRequest>;

export const EnterMachineReply = z.strictObject({
  name: z.string(),
  containerId: z.string(),
  /** `uid:gid`. */
  user: z.string(),
  groups: z.array(z.string()),
  /** One that is there. */
  cwd: z.string(),
  env: z.array(z.string()),
  shell: z.string(),
});
export type EnterMachineReply = z.output<typeof EnterMachineReply>;

export const RemovedMachine = z.strictObject({
  name: z.string(),
  freedInBytes: z.int(),
  wasDefault: z.boolean(),
  image: z.string(),
});
export type RemovedMachine = z.output<typeof RemovedMachine>;

export const MachineCopyRequest = z.strictObject({ target: machineName });
export const MachineResizeRequest = z.strictObject({ sizeInBytes: z.int().positive() });

/** Letters and digits, dots, dashes: part of a file's name. */
export const snapshotName = z.string().regex(
  /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/,
  "a snapshot's name has 1 to 63 letters, digits, dots, dashes and underscores, a letter or digit first",
);
export const MachineSnapshot = z.strictObject({
  name: z.string(),
  createdAt: z.string(),
  /** What the host has given it; shared blocks count. */
  sizeInBytes: z.int(),
});
export type MachineSnapshot = z.output<typeof MachineSnapshot>;
export const SnapshotRequest = z.strictObject({ name: snapshotName });

/** A port of a machine that the host shows by itself, or the reason why it does not. */
export const MachinePort = z.strictObject({
  port: z.int(),
  /** Addresses and port of the host. */
  host: z.string().optional(),
  reason: z.string().optional(),
});
export type MachinePort = z.output<typeof MachinePort>;
