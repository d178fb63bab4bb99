import type {
  Container as ContainerObject,
  CreateReply,
  CreateRequest,
  HomeMount,
  HostUser,
  ProcessSpec,
  Started,
  UpdateReply,
  UpdateRequest,
} from "../api/mod.ts";

/** What a machine asks of the container that it is. */
export interface MachineContainer {
  readonly state: ContainerObject["status"]["state"];
  describe(): Promise<ContainerObject>;
  start(): Promise<Started>;
  stop(signal?: string, timeoutMs?: number): Promise<void>;
  remove(force: boolean): Promise<void>;
  update(request: UpdateRequest): Promise<UpdateReply>;
  /** Changes what holds from its next start on. */
  reconfigure(change: ContainerChange): Promise<void>;
  rename(name: string): Promise<void>;
  handAgent(socket: string): Promise<void>;
  /** Runs a process to its end. @returns Its status, and the beginning of what it printed. */
  runOnce(
    process: Partial<ProcessSpec>,
    timeoutMs: number,
  ): Promise<{ readonly exitStatus: number; readonly output: string }>;
  /** Whether a path in it leads to a folder. */
  isFolder(path: string): Promise<boolean>;
  /** Where its disk lies. */
  readonly diskPath: string;
  /** Does `work` while it cannot start. @throws {CtrError} `invalid-state` if it runs. */
  whileStopped<T>(verb: string, work: (diskPath: string) => Promise<T>): Promise<T>;
}

export interface ContainerChange {
  /** Replaces the bind mount of this target, or takes it away. */
  readonly bind?: {
    readonly target: string;
    readonly mount: { readonly source: string; readonly readonly: boolean } | undefined;
  };
  readonly kernel?: string | undefined;
  readonly hostname?: string;
}

/** Writes a disk at a path where nothing is: whole and flushed when it resolves. */
export type MakeDisk = (path: string, layers: readonly string[]) => Promise<void>;

export interface MachineContainers {
  create(request: CreateRequest, makeDisk: MakeDisk): Promise<CreateReply>;
  /** One that is as another one is, but for its disk, name and addresses. */
  createLike(id: string, name: string, hostname: string, makeDisk: MakeDisk): Promise<CreateReply>;
  /** @throws {CtrError} `not-found`. */
  get(id: string): MachineContainer;
  /** IDs of all that have a disk of their own. */
  withOwnDisk(): readonly string[];
}

/** What the table keeps beside the container's own record. */
export interface MachineRecord {
  readonly name: string;
  readonly containerId: string;
  /** Counts what `set-default` and the first create did: the highest one is the default. */
  readonly isDefault: boolean;
  readonly config: MachineConfig;
}

export interface MachineConfig {
  readonly user: HostUser;
  readonly homeMount: HomeMount;
  readonly init: "systemd" | "vminitd";
  /** To run once; gone when it has succeeded. */
  readonly provision?: string | undefined;
  /** What was found when the user was made; absent before. */
  readonly found?: { readonly shell: string; readonly locale: string } | undefined;
}

export type { CreateRequest };
