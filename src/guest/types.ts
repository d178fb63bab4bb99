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
  /** Of a stream that failed: a clause. */
  readonly error: string;
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
  /** Usage without the file cache that can go at once. */
  readonly memoryWorkingSetBytes: number;
  /** Of the whole VM. */
  readonly guestMemoryTotalBytes: number;
  readonly guestMemoryAvailableBytes: number;
  readonly guestCacheBytes: number;
  /** Of the writable disk, by the guest's file system. */
  readonly diskUsedBytes: number;
  readonly diskSizeBytes: number;
  readonly onlineCpus: number;
  readonly oomKills: number;
}

/** A stream that the guest itself serves; see `OpenStreamRequest`. */
export type StreamSpec =
  | {
    readonly kind: "copy-out";
    readonly path: string;
    readonly name?: string;
    readonly followLink?: boolean;
    readonly contentOnly?: boolean;
  }
  | {
    readonly kind: "copy-in";
    readonly path: string;
    readonly makeFolders?: boolean;
    readonly archiveOwners?: boolean;
    readonly noOverwriteFolderWithFile?: boolean;
  }
  | { readonly kind: "dial"; readonly network: "unix" | "tcp"; readonly address: string };

export interface ListenSpec {
  readonly id: string;
  /** Absolute; in the container. */
  readonly path: string;
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** A connection to a listener: a stream that waits to be followed. */
export interface Accepted {
  readonly listenerId: string;
  readonly streamId: string;
}

export interface PathStat {
  /** Where it is, folders' links resolved. */
  readonly path: string;
  /** `st_mode`. */
  readonly mode: number;
  readonly size: number;
  readonly modifiedMs: number;
  readonly uid: number;
  readonly gid: number;
  readonly linkTarget: string;
  /** Where a link leads, all links followed; empty if nowhere. */
  readonly resolvedPath: string;
  readonly resolvedMode: number;
}

/** What a freeze is about: the processes, the writable disk, or both. */
export interface FreezeScope {
  readonly processes?: boolean;
  readonly fileSystem?: boolean;
}

export interface GuestContainerState {
  readonly exists: boolean;
  /** Its processes. */
  readonly frozen: boolean;
  readonly listeners: readonly string[];
  /** TCP ports at which somebody in the guest listens; empty if they were not asked for. */
  readonly tcpPorts: readonly number[];
}

export interface TopProcess {
  /** As the container sees it. */
  readonly pid: number;
  readonly parentPid: number;
  readonly uid: number;
  readonly user: string;
  readonly state: string;
  readonly cpuUs: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  readonly startedMs: number;
  /** Empty: none. */
  readonly terminal: string;
  readonly command: string;
}

export interface FileEvent {
  /** `written`: whoever wrote it has closed it. */
  readonly kind: "create" | "modify" | "attributes" | "delete" | "rename" | "written";
  /** Below the mount. */
  readonly path: string;
  /** Of a rename. */
  readonly to?: string;
  readonly folder: boolean;
}

/** 0: as it is. */
export interface LimitsSpec {
  readonly memoryBytes?: number;
  readonly cpuQuotaUs?: number;
  readonly pids?: number;
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
  /** Names or numbers, resolved in the root file system. */
  readonly additionalGroups?: readonly string[];
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
    /** A classic BPF program instead of the default one. */
    readonly seccompProfile?: Uint8Array;
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
    /** Asked by what the guest serves at 127.0.0.11. */
    readonly nameServers?: readonly string[];
  }[];
  readonly nameservers?: readonly string[];
  readonly search?: readonly string[];
  readonly options?: readonly string[];
  readonly domain?: string;
  readonly keepResolvConf?: boolean;
}

/** What a root is made of. */
export type LowerSpec =
  | { readonly serial: string }
  /** A disk image among the files of a share. */
  | {
    readonly shared: {
      readonly type: string;
      readonly tag: string;
      readonly options: readonly string[];
      readonly name: string;
    };
  }
  /** What a root whose container was removed has left on this root's writable disk. */
  | { readonly upperFolder: string };

export interface RootfsSpec {
  /** Lowest first. */
  readonly layerSerials?: readonly string[];
  /** Empty: the upper folder is a tmpfs. */
  readonly upperSerial?: string;
  readonly readonly?: boolean;
  /** Instead of layers: one writable disk. */
  readonly machineSerial?: string;
  /** Instead of `layerSerials`, lowest first; each is mounted once for all roots. */
  readonly lowers?: readonly LowerSpec[];
  /** Of the writable disk, which several roots share then; absent: nothing is written. */
  readonly upperFolder?: string;
  /** The writable disk is worth nothing after its VM: what is synced is not written at once. */
  readonly volatile?: boolean;
}

export interface MountSpec {
  readonly type: string;
  readonly source: string;
  readonly destination: string;
  readonly options: readonly string[];
  /** A volume without files takes what the image has there. */
  readonly copyUp?: boolean;
  /** Below the root of the file system. */
  readonly subpath?: string;
  /** The one file that is mounted, as a file. */
  readonly file?: string;
  /** Of a `file` that is kept in memory alone. */
  readonly content?: Uint8Array;
  /** Of that file, or of the folder of a `disk` that is made for `subpath`. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** What a `root` shows; or what a folder of a `disk` that is made begins with, at `fillFrom`. */
  readonly root?: RootfsSpec;
  readonly fillFrom?: string;
}

/** Lets programs of another architecture run. */
export interface EmulatorSpec {
  /** Of the disk that the program is on. */
  readonly serial: string;
  readonly program: string;
  readonly name: string;
  /** How programs of the architecture begin. */
  readonly magic: Uint8Array;
  readonly mask: Uint8Array;
}

export interface ContainerSpec {
  readonly containerId: string;
  readonly rootfs: RootfsSpec;
  /** Absent: the file systems are set up and nothing runs. */
  readonly process?: ProcessSpec | undefined;
  readonly network?: NetworkSpec;
  /** 0: none. */
  readonly limits?: {
    readonly memoryBytes?: number;
    readonly cpuQuotaUs?: number;
    readonly pids?: number;
  };
  readonly mounts?: readonly MountSpec[];
  readonly devices?: readonly {
    readonly source: string;
    readonly destination: string;
    /** Some of `rwm`. */
    readonly access: string;
  }[];
  /** Sockets that the first process finds. */
  readonly listeners?: readonly ListenSpec[];
  readonly privileged?: boolean;
  readonly hostname?: string;
  readonly hosts?: readonly { readonly address: string; readonly names: readonly string[] }[];
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly shmBytes?: number;
  readonly cgroupName?: string;
  readonly init?: boolean;
  /** A network of its own that has a loopback alone. */
  readonly noNetwork?: boolean;
}
