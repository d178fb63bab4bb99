import { z } from "zod";
import { Device, Mount, MountSpec, PublishedSocket } from "./mounts.ts";
import { EgressSpec, ExposedPort, NetworkAttachment, PortSpec, PublishedPort } from "./networks.ts";
import { Health, HealthSpec, RestartPolicy, RestartState } from "./policies.ts";

const bytes = z.int().nonnegative();
const time = z.iso.datetime();
/** Docker's rule, at most 63 characters so that it is a host name too. */
export const containerName = z.string().regex(
  /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/,
  "a name has 1 to 63 letters, digits, dots, dashes and underscores, a letter or digit first",
);
export const platformText = z.string().regex(
  /^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9.]+)?$/,
  "a platform reads os/arch or os/arch/variant, for example linux/arm64",
);

export const Rlimit = z.strictObject({
  type: z.string(),
  soft: z.number().nonnegative(), // -1 as given by users is Number.MAX_SAFE_INTEGER here
  hard: z.number().nonnegative(),
});

export const ProcessSpec = z.strictObject({
  /** Complete; for `create`, replaces the image's CMD when not empty. */
  args: z.array(z.string()).default([]),
  /** `K=V`, over the image's. The CLI has resolved env files and bare names. */
  env: z.array(z.string().regex(/^[^=\0]+=[^\0]*$/)).default([]),
  cwd: z.string().optional(),
  user: z.string().optional(),
  additionalGids: z.array(z.int().nonnegative()).default([]),
  /** Names or numbers, resolved in the container's root. */
  additionalGroups: z.array(z.string()).default([]),
  terminal: z.boolean().default(false),
  rows: z.int().min(0).max(65535).default(0),
  columns: z.int().min(0).max(65535).default(0),
  /** Standard input stays open; otherwise it is /dev/null. */
  interactive: z.boolean().default(false),
  privileged: z.boolean().default(false),
  rlimits: z.array(Rlimit).default([]),
});
export type ProcessSpec = z.output<typeof ProcessSpec>;

export const CreateRequest = z.strictObject({
  image: z.string(),
  platform: platformText.optional(),
  name: containerName.optional(),
  process: ProcessSpec,
  /** `undefined`: the image's. An array replaces it and drops the image's CMD. */
  entrypoint: z.array(z.string()).optional(),
  hostname: z.string().max(63).optional(),
  autoRemove: z.boolean().default(false),
  cpus: z.int().min(1).max(256).optional(),
  memoryBytes: bytes.optional(),
  pidsLimit: z.int().nonnegative().optional(),
  shmBytes: bytes.optional(),
  readOnly: z.boolean().default(false),
  tmpfs: z.array(
    z.strictObject({ destination: z.string(), options: z.array(z.string()).default([]) }),
  ).default([]),
  labels: z.record(z.string(), z.string()).default({}),
  capAdd: z.array(z.string()).default([]),
  capDrop: z.array(z.string()).default([]),
  maskedPaths: z.array(z.string()).optional(),
  readonlyPaths: z.array(z.string()).optional(),
  sysctls: z.record(z.string(), z.string()).default({}),
  init: z.boolean().default(false),
  /** The first has the default route. Absent: `default`; empty: none. */
  networks: z.array(NetworkAttachment).max(8).optional(),
  ports: z.array(PortSpec).max(4096).default([]),
  /** Those that the image exposes, and `exposedPorts`, at any free ports. */
  publishAll: z.boolean().default(false),
  exposedPorts: z.array(ExposedPort).max(4096).default([]),
  /** Tell who has connected to a published TCP port, by a line in front. */
  proxyProtocol: z.boolean().default(false),
  egress: EgressSpec.optional(),
  /** False: it does not reach services of the host. */
  hostAccess: z.boolean().default(true),
  dns: z.strictObject({
    nameservers: z.array(z.string()).default([]),
    search: z.array(z.string()).default([]),
    options: z.array(z.string()).default([]),
    domain: z.string().optional(),
    keep: z.boolean().default(false),
  }).optional(),
  addHosts: z.array(z.strictObject({ address: z.string(), names: z.array(z.string()) })).default(
    [],
  ),
  kernel: z.string().optional(),
  kernelArguments: z.array(z.string()).default([]),
  stopSignal: z.string().optional(),
  stopTimeoutMs: z.int().nonnegative().optional(),
  mounts: z.array(MountSpec).default([]),
  /** Containers whose mounts are taken over; `:ro` behind one makes them read-only. */
  volumesFrom: z.array(z.string()).default([]),
  publishedSockets: z.array(PublishedSocket).default([]),
  /** The caller's ssh-agent, forwarded to `/run/host-services/ssh-auth.sock`. */
  sshAgent: z.strictObject({ socket: z.string() }).optional(),
  devices: z.array(Device).default([]),
  security: z.strictObject({
    noNewPrivileges: z.boolean().optional(),
    /** `unconfined`, or a profile as Docker's JSON. */
    seccomp: z.union([z.literal("unconfined"), z.looseObject({ defaultAction: z.string() })])
      .optional(),
    /** Every path is to be seen and written: no masks, no read-only paths. */
    systempaths: z.literal("unconfined").optional(),
  }).default({}),
  oomScoreAdj: z.int().min(-1000).max(1000).optional(),
  /** False: the network interfaces get no link-local address. */
  linkLocal: z.boolean().default(true),
  restart: RestartPolicy.optional(),
  health: HealthSpec.optional(),
});
export type CreateRequest = z.output<typeof CreateRequest>;
export type CreateRequestInput = z.input<typeof CreateRequest>;

export const CreateReply = z.strictObject({
  id: z.string(),
  name: z.string(),
  warnings: z.array(z.string()),
});
export type CreateReply = z.output<typeof CreateReply>;

export const Exit = z.strictObject({
  /** 0–255; 128 + signal. */
  status: z.int(),
  signal: z.string().optional(),
  /** `exited`, `signal`, `oom`, or `lost` when the VM ended without a word. */
  reason: z.enum(["exited", "signal", "oom", "lost"]),
  /** A sentence for people where there is more to say. */
  detail: z.string().optional(),
  finishedAt: time,
});
export type Exit = z.output<typeof Exit>;

/** A container as `ls` and `inspect` show it. */
export const Container = z.strictObject({
  id: z.string(), // 64 hexadecimal digits
  name: z.string(),
  configuration: z.looseObject({
    image: z.strictObject({ reference: z.string(), digest: z.string() }),
    platform: z.strictObject({
      os: z.string(),
      architecture: z.string(),
      variant: z.string().optional(),
    }),
    initProcess: z.looseObject({
      executable: z.string(),
      arguments: z.array(z.string()),
      environment: z.array(z.string()),
      workingDirectory: z.string(),
      terminal: z.boolean(),
      interactive: z.boolean(),
      user: z.string(),
    }),
    resources: z.strictObject({
      cpus: z.int(),
      memoryInBytes: bytes,
      /** 0: none. */
      pidsLimit: bytes.optional(),
    }),
    hostname: z.string(),
    labels: z.record(z.string(), z.string()),
    readOnly: z.boolean(),
    autoRemove: z.boolean(),
    stopSignal: z.string(),
    creationDate: time,
    mounts: z.array(Mount).default([]),
    publishedSockets: z.array(PublishedSocket).default([]),
    /** Names of its networks, the first with the default route. */
    networks: z.array(z.string()).default([]),
    publishedPorts: z.array(PortSpec).default([]),
    exposedPorts: z.array(ExposedPort).default([]),
    egress: EgressSpec.optional(),
    restartPolicy: RestartPolicy.default({ name: "no", maximumRetries: 0 }),
    healthCheck: HealthSpec.optional(),
  }),
  status: z.strictObject({
    /** `restarting`: it has ended and its policy will start it. */
    state: z.enum([
      "created",
      "starting",
      "running",
      "paused",
      "stopping",
      "restarting",
      "exited",
    ]),
    startedAt: time.optional(),
    pid: z.int().optional(), // of the monitor on the host
    accelerator: z.string().optional(),
    networks: z.array(z.strictObject({
      network: z.string(),
      hostname: z.string(),
      ipv4Address: z.string().optional(), // CIDR
      ipv4Gateway: z.string().optional(),
      ipv6Address: z.string().optional(), // CIDR
      ipv6Gateway: z.string().optional(),
      macAddress: z.string(),
      mtu: z.int(),
    })),
    /** Where the host listens for it. */
    publishedPorts: z.array(PublishedPort).default([]),
    exit: Exit.optional(),
    health: Health.optional(),
    restart: RestartState.optional(),
    upperBytes: bytes.optional(), // allocated on the host
  }),
});
export type Container = z.output<typeof Container>;

export const StopRequest = z.strictObject({
  signal: z.string().optional(),
  timeoutMs: z.int().nonnegative().optional(),
});
export const KillRequest = z.strictObject({ signal: z.string().default("KILL") });
export const ExecRequest = z.strictObject({
  process: ProcessSpec,
  detach: z.boolean().default(false),
});
export const ExecReply = z.strictObject({ processId: z.string() });
export type ExecReply = z.output<typeof ExecReply>;

/** How a start was spent. Milliseconds from `beganAt`, on the engine's clock; guest steps rebased. */
export const Timing = z.strictObject({
  beganAt: z.number(), // performance.timeOrigin + now of the engine, Unix milliseconds
  phases: z.array(z.strictObject({
    name: z.string(), // engine, image, disk, VMM, kernel, vminitd, process
    beganMs: z.number(),
    tookMs: z.number(),
    steps: z.array(z.strictObject({ name: z.string(), tookMs: z.number() })).default([]),
  })),
});
export type Timing = z.output<typeof Timing>;

export const Started = z.strictObject({
  id: z.string(),
  timing: Timing.optional(),
  /** Lines for standard error, such as why emulation is used. */
  notices: z.array(z.string()).default([]),
});
export type Started = z.output<typeof Started>;

export const Version = z.strictObject({
  version: z.string(),
  api: z.int(),
  pid: z.int(),
  startedAt: time,
  home: z.string(),
});
export type Version = z.output<typeof Version>;

export const SystemStatus = z.strictObject({
  ...Version.shape,
  running: z.int(),
  containers: z.int(),
  images: z.int(),
  accelerator: z.string(),
  memoryBytes: bytes,
});
export type SystemStatus = z.output<typeof SystemStatus>;

export const DiskUsage = z.strictObject({
  total: z.int(),
  active: z.int(),
  /** What the host's file system has allocated. */
  sizeInBytes: bytes,
  reclaimable: bytes,
  /** What the files say they are: disks are sparse. */
  logicalInBytes: bytes,
});
export type DiskUsage = z.output<typeof DiskUsage>;
export const SystemDf = z.strictObject({
  images: DiskUsage,
  containers: DiskUsage,
  volumes: DiskUsage,
  /** What only the cache of builds keeps. */
  buildCache: DiskUsage,
});
export type SystemDf = z.output<typeof SystemDf>;

/** Variables of whoever asks, of which the engine takes what `registryEnvironment` keeps. */
export const CallerEnvironment = z.record(z.string().max(256), z.string().max(64 * 1024));

export const PullRequest = z.strictObject({
  reference: z.string(),
  platform: platformText.optional(),
  allPlatforms: z.boolean().default(false),
  /** Every tag of the repository, which `reference` names without a tag. */
  allTags: z.boolean().default(false),
  /** What is attached to the image as well. */
  referrers: z.boolean().default(false),
  scheme: z.enum(["http", "https", "auto"]).default("auto"),
  environment: CallerEnvironment.optional(),
  maxConcurrentDownloads: z.int().min(1).max(64).optional(),
});
export type PullRequest = z.output<typeof PullRequest>;

/** One line of the NDJSON answer of a long operation. The last line is `result` or `error`. */
export const Progress = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("message"), text: z.string() }),
  /** Shown however progress is shown. */
  z.strictObject({ kind: z.literal("warning"), text: z.string() }),
  z.strictObject({
    kind: z.literal("layer"),
    digest: z.string(),
    phase: z.enum([
      "waiting",
      "downloading",
      "unpacking",
      "converting",
      "uploading",
      "mounted",
      "done",
      "exists",
    ]),
    current: bytes,
    total: bytes,
  }),
  z.strictObject({ kind: z.literal("result"), value: z.unknown() }),
  z.strictObject({
    kind: z.literal("error"),
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
  }),
]);
export type Progress = z.output<typeof Progress>;

/** The body of every answer with a status of 400 or more. */
export const ErrorBody = z.strictObject({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
});

export const CommitRequest = z.strictObject({
  /** `name[:tag]`; absent: the image gets no name. */
  reference: z.string().optional(),
  author: z.string().max(4096).optional(),
  message: z.string().max(65_536).optional(),
  /** Instructions of a Dockerfile, in order. */
  changes: z.array(z.string().max(65_536)).max(1000).default([]),
  /** Stop its processes while its disk is copied. */
  pause: z.boolean().default(true),
});
export type CommitRequest = z.output<typeof CommitRequest>;

export const CommitReply = z.strictObject({
  reference: z.string(),
  /** Of the new manifest. */
  digest: z.string(),
});
export type CommitReply = z.output<typeof CommitReply>;

/** What a path in a container is. */
export const PathStat = z.strictObject({
  path: z.string(),
  mode: z.int(), // st_mode
  size: z.number(),
  modifiedMs: z.number(),
  uid: z.int(),
  gid: z.int(),
  linkTarget: z.string(),
  resolvedPath: z.string(),
  resolvedMode: z.int(),
});
export type PathStat = z.output<typeof PathStat>;

/** One line of the answer of `changes`. */
export const FileChange = z.strictObject({ kind: z.enum(["A", "C", "D"]), path: z.string() });
export type FileChange = z.output<typeof FileChange>;
