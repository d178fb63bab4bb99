import type {
  Accepted,
  EmulatorSpec,
  FileEvent,
  FreezeScope,
  GuestContainerState,
  GuestProcessState as ClientProcessState,
  GuestStats,
  GuestStep,
  LimitsSpec,
  ListenSpec,
  MountSpec,
  OutputEvent,
  PathStat,
  RootfsSpec,
  StartedProcess as ClientStartedProcess,
  StreamSpec,
  TopProcess,
} from "../guest/mod.ts";

export type {
  Accepted,
  EmulatorSpec,
  FileEvent,
  FreezeScope,
  GuestContainerState,
  GuestExit,
  GuestStats,
  GuestStep,
  LimitsSpec,
  ListenSpec,
  LowerSpec,
  MountSpec,
  OutputEvent,
  OutputPiece,
  PathStat,
  RootfsSpec,
  StreamSpec,
  TopProcess,
} from "../guest/mod.ts";

/** What a container needs of the guest: its service in plain numbers, so that a fake is small. */
export interface Guest {
  /** What the guest did between its kernel and listening. */
  readonly bootSteps: readonly GuestStep[];
  startContainer(request: StartContainer): Promise<StartedProcess>;
  startProcess(containerId: string, process: GuestProcess): Promise<StartedProcess>;
  /**
   * Ends after the exit. Pulled: what is not asked for stays in the guest. `ended` is called when a
   * stream's output is over before the stream is.
   */
  output(
    processId: string,
    from: number,
    signal?: AbortSignal,
    ended?: () => void,
  ): AsyncIterable<OutputEvent>;
  acknowledge(processId: string, offset: number): Promise<void>;
  /** @returns The offset of the next byte that is wanted. */
  writeInput(processId: string, input: InputPiece): Promise<number>;
  resize(processId: string, rows: number, columns: number): Promise<void>;
  signal(processId: string, signal: number, options?: { readonly all: boolean }): Promise<void>;
  processes(): Promise<readonly GuestProcessState[]>;
  forget(processId: string): Promise<void>;
  setTime(unixMs: number): Promise<void>;
  /** Begins a stream that the guest itself serves; it is followed like a process. */
  openStream(containerId: string, id: string, spec: StreamSpec): Promise<void>;
  listen(containerId: string, spec: ListenSpec): Promise<void>;
  closeListener(id: string): Promise<void>;
  accepted(containerId: string, signal?: AbortSignal): AsyncIterable<Accepted>;
  statPath(containerId: string, path: string): Promise<PathStat>;
  freeze(containerId: string, scope: FreezeScope): Promise<void>;
  thaw(containerId: string, scope: FreezeScope): Promise<void>;
  update(containerId: string, limits: LimitsSpec): Promise<void>;
  containerState(containerId: string, ports?: boolean): Promise<GuestContainerState>;
  top(containerId: string): Promise<readonly TopProcess[]>;
  fileEvents(containerId: string, destination: string, events: readonly FileEvent[]): Promise<void>;
  stats(containerId: string): Promise<GuestStats>;
  /** Takes a container apart; what it has changed stays, and can be read by the host once settled. */
  removeContainer(containerId: string, options?: { readonly settle: boolean }): Promise<void>;
  removeFolders(serial: string, folders: readonly string[]): Promise<void>;
  addEmulator(spec: EmulatorSpec): Promise<void>;
  /** Ends every process, unmounts, trims and syncs. */
  shutdown(graceMs: number): Promise<void>;
  /** Resolves when the connection is gone, whoever closed it. */
  readonly closed: Promise<void>;
  close(): void;
}

export interface InputPiece {
  readonly offset: number;
  readonly data: Uint8Array;
  /** End of input behind the data. */
  readonly close: boolean;
}

/** What happened when a process was started. */
export type StartedProcess = Pick<ClientStartedProcess, "atMs" | "steps">;
export type GuestProcessState = Pick<
  ClientProcessState,
  "processId" | "containerId" | "startedMs" | "exit" | "outputBegin" | "inputOffset"
>;

export interface GuestProcess {
  readonly id: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: string;
  readonly additionalGids: readonly number[];
  readonly additionalGroups?: readonly string[];
  readonly terminal: boolean;
  readonly rows: number;
  readonly columns: number;
  readonly input: boolean;
  readonly security: {
    readonly capabilities: readonly string[];
    readonly noNewPrivileges: boolean;
    readonly privileged: boolean;
    readonly seccompUnconfined?: boolean;
    /** A classic BPF program instead of the default one. */
    readonly seccompProfile?: Uint8Array;
  };
  readonly oomScoreAdj?: number;
  readonly rlimits: readonly {
    readonly type: string;
    readonly soft: number;
    readonly hard: number;
  }[];
}

export interface StartContainer {
  readonly containerId: string;
  readonly rootfs: RootfsSpec;
  /** Absent: the file systems are set up and nothing runs. */
  readonly process?: GuestProcess | undefined;
  readonly network: {
    readonly interfaces: readonly {
      readonly mac: string;
      readonly name: string;
      readonly addresses: readonly string[];
      readonly gateway4?: string;
      readonly gateway6?: string;
      readonly mtu: number;
      /** Asked by what the guest serves at 127.0.0.11. */
      readonly nameServers?: readonly string[];
    }[];
    readonly nameservers: readonly string[];
    readonly search: readonly string[];
    readonly options: readonly string[];
    readonly domain: string;
    readonly keepResolvConf: boolean;
  };
  readonly limits: {
    readonly memoryBytes: number;
    readonly cpuQuotaUs: number;
    readonly pids: number;
  };
  readonly mounts: readonly MountSpec[];
  readonly devices?: readonly {
    readonly source: string;
    readonly destination: string;
    readonly access: string;
  }[];
  /** Sockets that the first process finds. */
  readonly listeners?: readonly ListenSpec[];
  readonly privileged?: boolean;
  readonly hostname: string;
  readonly hosts: readonly { readonly address: string; readonly names: readonly string[] }[];
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly shmBytes: number;
  readonly init: boolean;
  /** A network of its own that has a loopback alone. */
  readonly noNetwork?: boolean;
}
