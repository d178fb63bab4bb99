import type {
  CreateRequest,
  Device,
  EgressSpec,
  Exit,
  ExposedPort,
  Health,
  HealthSpec,
  NetworkAttachment,
  PortSpec,
  ProcessSpec,
  PublishedSocket,
  RestartPolicy,
} from "../api/mod.ts";
import type { RestartRecord } from "./restart_policy.ts";

/** A process with nothing left to decide. */
export interface ProcessConfig {
  /** Empty: an init of ours and nothing else, which machines without one of their own have. */
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  /** Empty: root. Resolved in the guest. */
  readonly user: string;
  readonly additionalGids: readonly number[];
  /** Resolved in the guest. */
  readonly additionalGroups: readonly string[];
  readonly terminal: boolean;
  readonly rows: number;
  readonly columns: number;
  readonly interactive: boolean;
  readonly privileged: boolean;
  readonly rlimits: ProcessSpec["rlimits"];
}

/** A mount with nothing left to decide. */
export type MountConfig =
  | {
    readonly type: "bind";
    readonly source: string;
    readonly target: string;
    readonly readonly: boolean;
  }
  | {
    readonly type: "volume";
    readonly volume: string;
    readonly target: string;
    readonly readonly: boolean;
    readonly copy: boolean;
    readonly subpath?: string | undefined;
    /** It was made for this container alone, and goes with it where Docker's would. */
    readonly anonymous: boolean;
  }
  | { readonly type: "socket"; readonly source: string; readonly target: string };

/** All that a container was created with; `config.json`. Changed by rename and update alone. */
export interface ContainerConfig {
  readonly id: string;
  readonly name: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly image: {
    /** As spelled out by the store. */
    readonly reference: string;
    /** Of the index or manifest that the reference named. */
    readonly digest: string;
    readonly manifest: string;
  };
  readonly platform: {
    readonly os: string;
    readonly architecture: string;
    readonly variant?: string | undefined;
  };
  /**
   * `disk`: its writable disk is its whole root file system. Absent: its changes are on it, above the image's
   * layers.
   */
  readonly root?: "disk" | undefined;
  readonly process: ProcessConfig;
  /** The beginning of the process's words that is the entrypoint; what follows is the command. */
  readonly entrypoint?: readonly string[] | undefined;
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly hostname: string;
  readonly autoRemove: boolean;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly pidsLimit: number;
  readonly shmBytes: number;
  readonly readOnly: boolean;
  readonly tmpfs: CreateRequest["tmpfs"];
  readonly labels: Readonly<Record<string, string>>;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly init: boolean;
  /** The first has the default route. */
  readonly networks: readonly NetworkAttachment[];
  readonly ports: readonly PortSpec[];
  /** By the image and by whoever created it. */
  readonly exposedPorts: readonly ExposedPort[];
  readonly proxyProtocol: boolean;
  readonly egress?: EgressSpec | undefined;
  readonly hostAccess: boolean;
  readonly dns?: CreateRequest["dns"];
  readonly addHosts: CreateRequest["addHosts"];
  readonly kernel?: string | undefined;
  readonly kernelArguments: readonly string[];
  readonly stopSignal: string;
  readonly stopTimeoutMs: number;
  readonly mounts: readonly MountConfig[];
  readonly publishedSockets: readonly PublishedSocket[];
  readonly sshAgent?: { readonly socket: string } | undefined;
  readonly devices: readonly Device[];
  readonly privileged: boolean;
  readonly seccomp?: CreateRequest["security"]["seccomp"];
  readonly oomScoreAdj: number;
  readonly linkLocal: boolean;
  readonly restart: RestartPolicy;
  /** Absent: its health is not watched. */
  readonly health?: HealthSpec | undefined;
}

/** A row of the table: what was asked for, and what has happened. What lives is not in it. */
export interface ContainerRecord {
  readonly config: ContainerConfig;
  /** Starts so far, failed ones included. Names the run in the log. */
  readonly run: number;
  /** The last start that succeeded, and what its VM was given. */
  readonly started?: {
    readonly run: number;
    readonly atMs: number;
    readonly cpus?: number | undefined;
    readonly memoryBytes?: number | undefined;
  } | undefined;
  /** How the last run that began has ended. */
  readonly exit?: (Exit & { readonly run: number }) | undefined;
  readonly restart?: RestartRecord | undefined;
  /** As it was when it last changed. */
  readonly health?: Health | undefined;
}
