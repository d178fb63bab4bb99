import type {
  Container as ContainerObject,
  CreateReply,
  CreateRequest,
  HomeMount,
  HostUser,
  Machine,
  MountSpec,
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
  /** TCP ports at which somebody in it listens. */
  listeningPorts(): Promise<readonly number[]>;
  /** Whether a path in it leads to a folder. */
  isFolder(path: string): Promise<boolean>;
  /** Where its disk lies. */
  readonly diskPath: string;
  /** What it was created with that an exported machine says. */
  readonly facts: {
    readonly image: { readonly reference: string; readonly digest: string };
    readonly platform: Machine["platform"];
    readonly cpus: number;
    readonly memoryBytes: number;
    readonly env: readonly string[];
    readonly args: readonly string[];
    /** The caller's home folder among them. */
    readonly mounts: readonly MountSpec[];
    readonly networks: readonly string[];
  };
  /** Where its files lie. */
  readonly folder: string;
  /** Does `work` with its disk, whole and unchanged meanwhile, whether it runs or not. */
  withDisk<T>(doing: string, work: (diskPath: string) => Promise<T>): Promise<T>;
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

/** A port of a machine that the host shows, or the reason why it does not. */
export interface PublishedByItself {
  readonly port: number;
  /** Addresses and port of the host. */
  readonly host?: string;
  readonly reason?: string;
}

export interface PublishedPort {
  readonly port: number;
  readonly host: string;
  readonly containerId: string;
  /** By which it is taken away. */
  readonly ids: readonly string[];
}

/** How ports of machines come to the host. */
export interface PublishPorts {
  published(containerId: string): readonly PublishedPort[];
  /** Under the same number. @throws {CtrError} `conflict` if it is taken. */
  publish(containerId: string, port: number): Promise<void>;
  unpublish(port: PublishedPort): Promise<void>;
}

/** What is known of the image of a machine that comes from elsewhere. */
export interface ImageOf {
  readonly reference: string;
  readonly digest: string;
  readonly platform: Machine["platform"];
  readonly env: readonly string[];
}

export interface MachineContainers {
  create(request: CreateRequest, makeDisk: MakeDisk): Promise<CreateReply>;
  /** One of an image that need not be in the store. */
  createOf(request: CreateRequest, image: ImageOf, makeDisk: MakeDisk): Promise<CreateReply>;
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
