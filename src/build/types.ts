import type { DatabaseSync } from "node:sqlite";
import type {
  BuildCacheRecord,
  BuilderStatus,
  BuilderStopReply,
  BuildEvent,
  BuildPruneReply,
  BuildPruneRequest,
  BuildRequest,
} from "../api/mod.ts";
import type { Log } from "../core/mod.ts";
import type { Images } from "../image/mod.ts";
import type { StepRunner } from "./run/types.ts";

export interface BuilderOptions {
  /** The ctr home; `build-files/` is made in it. */
  readonly home: string;
  /** Open database, in which `migrate` of this folder was called. */
  readonly db: DatabaseSync;
  readonly images: Images;
  readonly log: Log;
  /** Made when the first build begins. */
  readonly runner: () => StepRunner;
}

export interface BuildIo {
  /** Called in order; the last event is `result`, `answer` or `failed`. What it returns is waited for. */
  emit(event: BuildEvent): void | Promise<void>;
  /** The bytes behind the request, of an uploaded context. */
  readonly upload?: AsyncIterable<Uint8Array> | undefined;
  /** Ends the build: whoever wanted it is gone. */
  readonly signal: AbortSignal;
}

/** Builds images of one ctr home. Several builds may run at once; they share what they make. */
export interface Builder {
  /** Never rejects: what goes wrong is told as `failed`. */
  build(request: BuildRequest, io: BuildIo): Promise<void>;
  status(): Promise<BuilderStatus>;
  /** @param filters `KEY=VALUE`. @throws {CtrError} `usage` for one that cannot be read. */
  cache(filters: readonly string[]): Promise<readonly BuildCacheRecord[]>;
  prune(request: BuildPruneRequest): Promise<BuildPruneReply>;
  /** What the cache takes of the host's disk, for `system df`. */
  usage(): Promise<BuilderUsage>;
  /** Gives up every build. @returns Their IDs. */
  stop(): Promise<BuilderStopReply>;
  /** Builds that run. */
  readonly active: number;
  /** Removes what a killed engine has left, as soon as `work` is done. No build begins before that. */
  adopting(work: Promise<unknown>): void;
}

export interface BuilderUsage {
  readonly total: number;
  /** Records that builds use now. */
  readonly active: number;
  readonly sizeInBytes: number;
  readonly logicalInBytes: number;
  readonly reclaimable: number;
}
