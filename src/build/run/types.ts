import type { Architecture } from "../../vm/mod.ts";

/** A read-only layer disk on the host. */
export interface LayerDisk {
  /** Absolute; never changed in place. On the file system of the home. */
  readonly path: string;
  /** `sha256:…` of the layer, or the chain ID of merged ones: what the disk is known by. */
  readonly diffId: string;
}

/** What a step's root is made of: a layer disk, or what an earlier step of the same session has left. */
export type Lower = LayerDisk | StepOutcome;

/** Files and folders of other roots, seen below a root of their own. */
export interface Tree {
  /** The bottom first; empty: an empty folder. */
  readonly lowers: readonly Lower[];
  /** Inside it; links are followed there. Default: its root. */
  readonly path?: string | undefined;
}

export type StepMount =
  | {
    readonly kind: "cache";
    readonly target: string;
    /** Equal IDs are one cache; whoever asks adds what keeps them apart. */
    readonly id: string;
    /** `locked`: one step at a time; `private`: a second one at the same time gets another cache. */
    readonly sharing: "shared" | "private" | "locked";
    /** What a new one begins with. */
    readonly from?: Tree | undefined;
    readonly readonly: boolean;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
  }
  /** A stage, an image or a context that was made into disks. What is written to it is lost. */
  | {
    readonly kind: "bind";
    readonly target: string;
    readonly from: Tree;
    readonly readonly: boolean;
  }
  | {
    readonly kind: "secret";
    readonly target: string;
    /** At most 500 KiB. Never on a disk. */
    readonly content: Uint8Array;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
  }
  | {
    readonly kind: "ssh";
    readonly target: string;
    /** The agent's socket on the host. */
    readonly socket: string;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
  }
  | {
    readonly kind: "tmpfs";
    readonly target: string;
    /** 0: as much as there is memory. */
    readonly sizeBytes: number;
  };

/** One RUN. */
export interface RunStep {
  /** Letters, digits and `_.-`, at most 64; unique in its session. */
  readonly id: string;
  /** The bottom first. */
  readonly lowers: readonly Lower[];
  readonly args: readonly string[];
  /** `NAME=value`. PATH and HOME are added when missing. */
  readonly env: readonly string[];
  /** Made when missing. */
  readonly cwd: string;
  /** As USER says: name, uid, `name:group`, `uid:gid`; resolved in the root. Empty: root. */
  readonly user: string;
  /** In their order, later ones above earlier ones. */
  readonly mounts: readonly StepMount[];
  /** `none`: a loopback alone. `host` is the network of the build's VM, as `default` is. */
  readonly network: "default" | "none" | "host";
  /** `insecure`: all capabilities, all devices. */
  readonly security: "sandbox" | "insecure";
  /** `host-gateway` is the host. */
  readonly addHosts: readonly { readonly address: string; readonly names: readonly string[] }[];
  readonly hostname: string;
  /** 0: 64 MiB. */
  readonly shmBytes: number;
  readonly rlimits?: readonly {
    readonly type: string;
    readonly soft: number;
    readonly hard: number;
  }[];
  /** Without it the result has no layer: a step that is run for its exit status or its caches alone. */
  readonly layer?: LayerTarget | undefined;
}

/** Where a layer is put; both files are made anew, complete and flushed when the layer is told of. */
export interface LayerTarget {
  readonly blob: string;
  readonly disk: string;
  readonly compression: "gzip" | "zstd" | "none";
}

/** A layer that was packed once: as a blob and as the disk that boots. */
export interface PackedLayer extends LayerDisk {
  readonly blob: {
    readonly path: string;
    readonly digest: string;
    readonly size: number;
    readonly mediaType: string;
  };
  readonly entries: number;
}

/** What a step that has ended well left, usable as a lower at once, before its layer is packed. */
export interface StepOutcome {
  readonly stepId: string;
  /** Undefined: the step has changed nothing. Rejects if the layer cannot be made. */
  readonly layer: Promise<PackedLayer | undefined>;
}

export interface RunResult {
  /** 0–255; 128 + signal when killed by one. */
  readonly exitStatus: number;
  /** The memory of the VM was not enough. */
  readonly oomKilled: boolean;
  /** Of the command alone, milliseconds. */
  readonly tookMs: number;
  /** With exit status 0 alone. */
  readonly outcome?: StepOutcome | undefined;
}

export interface StepIo {
  /** Called with each piece, valid during the call. What it returns is waited for before the next. */
  output(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> | void;
  /** Ends the step: its processes are killed. */
  readonly signal?: AbortSignal | undefined;
}

/** What a build's steps have in common. */
export interface SessionOptions {
  /** Of the build. Letters, digits and `_.-`, at most 64; unique among builds that live. */
  readonly buildId: string;
  readonly platform: { readonly architecture: string; readonly variant?: string | undefined };
  /** Name of a network of the home; default: the default one. */
  readonly networkName?: string | undefined;
  /** Undefined: the defaults. A VM that runs for another build is used as it is. */
  readonly cpus?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly dns?: {
    readonly servers: readonly string[];
    readonly search: readonly string[];
    readonly options: readonly string[];
  } | undefined;
  /** Told what takes long, and until when: `booting a VM for linux/arm64`. */
  readonly onNotice?: ((text: string, over: Promise<unknown>) => void) | undefined;
}

/** The steps of one build on one platform. Boots a VM when the first is run, or before by `prepare()`. */
export interface StepSession extends AsyncDisposable {
  /** Begins to boot behind the caller's back: a step that must run is certain. Never rejects. */
  prepare(): void;
  /**
   * Runs a step. Several may run at the same time.
   *
   * @throws {CtrError} `cancelled`; `not-found` for a bind source; `command-not-found`; `no-space`; …
   */
  run(step: RunStep, io: StepIo): Promise<RunResult>;
  /** Lets go of the VM, which ends if no other build uses it. Layers that are being packed are waited for. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A cache of `RUN --mount=type=cache`. */
export interface CacheMount {
  readonly id: string;
  readonly architecture: Architecture;
  /** Bytes of its files. */
  readonly sizeBytes: number;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  /** A step has it mounted. */
  readonly inUse: boolean;
}

/** Runs RUN steps of one home. */
export interface StepRunner {
  open(options: SessionOptions): StepSession;
  /** VMs that live. */
  status(): readonly {
    readonly architecture: Architecture;
    readonly builds: readonly string[];
    readonly startedAt: Date;
    readonly cpus: number;
    readonly memoryBytes: number;
  }[];
  caches(): Promise<readonly CacheMount[]>;
  /** Removes caches that no step uses. @returns Those that were removed. */
  removeCaches(
    ids: readonly { readonly id: string; readonly architecture: Architecture }[],
  ): Promise<
    readonly CacheMount[]
  >;
  /** Ends what an earlier engine left. Called once, before `open()`. */
  sweep(): Promise<void>;
  /** Ends every VM now; sessions that live fail with `cancelled`. */
  stop(): Promise<void>;
}
