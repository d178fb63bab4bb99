/** A step that the guest reports, by its own clock that began with its kernel. */
export interface GuestStep {
  readonly name: string;
  readonly beganMs: number;
  readonly tookMs: number;
}

export interface OutputPiece {
  readonly kind: "data";
  /** 1: standard output, and a terminal's; 2: standard error. */
  readonly stream: 1 | 2;
  /** Of the first byte; counts the bytes of both streams together. */
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface GuestExit {
  readonly kind: "exit";
  /** 0–255; 128 + signal when killed by one. */
  readonly status: number;
  /** 0: none. */
  readonly signal: number;
  readonly oomKilled: boolean;
  readonly oomVictim: string;
  readonly atMs: number;
  readonly outputEnd: number;
}

export type OutputEvent = OutputPiece | GuestExit;

export interface StartedProcess {
  /** In the guest's PID namespace. */
  readonly pid: number;
  readonly atMs: number;
  readonly steps: readonly GuestStep[];
  /** From the call of fork until execve succeeded, the plan in between included. */
  readonly forkExecMs: number;
}

export interface GuestProcessState {
  readonly processId: string;
  readonly containerId: string;
  readonly pid: number;
  readonly startedMs: number;
  readonly exit?: GuestExit | undefined;
  /** The oldest byte that is still kept. */
  readonly outputBegin: number;
  readonly outputEnd: number;
  readonly inputOffset: number;
}

export interface GuestStats {
  readonly memoryUsageBytes: number;
  /** 0: none. */
  readonly memoryLimitBytes: number;
  readonly memoryCacheBytes: number;
  readonly cpuUsageUs: number;
  readonly networkRxBytes: number;
  readonly networkTxBytes: number;
  readonly blockReadBytes: number;
  readonly blockWriteBytes: number;
  readonly pids: number;
}

export interface ProcessSpec {
  /** Unique in the guest; the container's first process has the container's ID. */
  readonly id: string;
  readonly args: readonly string[];
  /** PATH and HOME are added when missing, TERM with a terminal. */
  readonly env?: readonly string[];
  /** Made when missing. */
  readonly cwd?: string;
  /** name, uid, name:group, uid:gid; resolved in the root file system. Empty: root. */
  readonly user?: string;
  readonly additionalGids?: readonly number[];
  readonly terminal?: boolean;
  readonly rows?: number;
  readonly columns?: number;
  /** False: standard input is /dev/null. */
  readonly input?: boolean;
  readonly security?: {
    readonly capabilities?: readonly string[];
    readonly noNewPrivileges?: boolean;
    readonly seccompUnconfined?: boolean;
    readonly privileged?: boolean;
  };
  readonly rlimits?: readonly {
    readonly type: string;
    readonly soft: number;
    readonly hard: number;
  }[];
  readonly oomScoreAdj?: number;
  /** 0: the guest's default. */
  readonly outputBufferBytes?: number;
}

export interface NetworkSpec {
  readonly interfaces?: readonly {
    readonly mac: string;
    readonly name: string;
    readonly addresses?: readonly string[];
    readonly gateway4?: string;
    readonly gateway6?: string;
    readonly mtu?: number;
  }[];
  readonly nameservers?: readonly string[];
  readonly search?: readonly string[];
  readonly options?: readonly string[];
  readonly domain?: string;
  readonly keepResolvConf?: boolean;
}

export interface ContainerSpec {
  readonly containerId: string;
  readonly rootfs: {
    /** Lowest first. */
    readonly layerSerials?: readonly string[];
    /** Empty: the upper folder is a tmpfs. */
    readonly upperSerial?: string;
    readonly readonly?: boolean;
    /** Instead of layers: one writable disk. */
    readonly machineSerial?: string;
  };
  readonly process: ProcessSpec;
  readonly network?: NetworkSpec;
  /** 0: none. */
  readonly limits?: {
    readonly memoryBytes?: number;
    readonly cpuQuotaUs?: number;
    readonly pids?: number;
  };
  readonly mounts?: readonly {
    readonly type: string;
    readonly source: string;
    readonly destination: string;
    readonly options: readonly string[];
  }[];
  readonly hostname?: string;
  readonly hosts?: readonly { readonly address: string; readonly names: readonly string[] }[];
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly shmBytes?: number;
  readonly cgroupName?: string;
  readonly init?: boolean;
}
