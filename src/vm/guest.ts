import type {
  GuestProcessState as ClientProcessState,
  GuestStep,
  OutputEvent,
  StartedProcess as ClientStartedProcess,
} from "../guest/mod.ts";

export type { GuestExit, GuestStep, OutputEvent, OutputPiece } from "../guest/mod.ts";

/** What a container needs of the guest: its service in plain numbers, so that a fake is small. */
export interface Guest {
  /** What the guest did between its kernel and listening. */
  readonly bootSteps: readonly GuestStep[];
  startContainer(request: StartContainer): Promise<StartedProcess>;
  startProcess(containerId: string, process: GuestProcess): Promise<StartedProcess>;
  /** Ends after the exit. Pulled: what is not asked for stays in the guest. */
  output(processId: string, from: number, signal?: AbortSignal): AsyncIterable<OutputEvent>;
  acknowledge(processId: string, offset: number): Promise<void>;
  /** @returns The offset of the next byte that is wanted. */
  writeInput(processId: string, input: InputPiece): Promise<number>;
  resize(processId: string, rows: number, columns: number): Promise<void>;
  signal(processId: string, signal: number, options?: { readonly all: boolean }): Promise<void>;
  processes(): Promise<readonly GuestProcessState[]>;
  forget(processId: string): Promise<void>;
  setTime(unixMs: number): Promise<void>;
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
  readonly terminal: boolean;
  readonly rows: number;
  readonly columns: number;
  readonly input: boolean;
  readonly security: {
    readonly capabilities: readonly string[];
    readonly noNewPrivileges: boolean;
    readonly privileged: boolean;
  };
  readonly rlimits: readonly {
    readonly type: string;
    readonly soft: number;
    readonly hard: number;
  }[];
}

export interface StartContainer {
  readonly containerId: string;
  readonly rootfs: {
    readonly layerSerials: readonly string[];
    readonly upperSerial: string;
    readonly readonly: boolean;
  };
  readonly process: GuestProcess;
  readonly network: {
    readonly interfaces: readonly {
      readonly mac: string;
      readonly name: string;
      readonly addresses: readonly string[];
      readonly gateway4: string;
      readonly mtu: number;
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
  readonly mounts: readonly {
    readonly type: string;
    readonly source: string;
    readonly destination: string;
    readonly options: readonly string[];
  }[];
  readonly hostname: string;
  readonly hosts: readonly { readonly address: string; readonly names: readonly string[] }[];
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly shmBytes: number;
  readonly init: boolean;
}
