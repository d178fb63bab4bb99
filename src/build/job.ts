/** What the steps of one build have in common. */
import type { BuildRequest } from "../api/mod.ts";
import type { Log } from "../core/mod.ts";
import type { Dockerfile } from "../dockerfile/mod.ts";
import type { ImageLease, Images } from "../image/mod.ts";
import type { Platform } from "../oci/mod.ts";
import type { Background } from "./background.ts";
import type { FileDigests } from "./cache/file_digests.ts";
import type { KeyLocks } from "./cache/key_locks.ts";
import type { StepCache } from "./cache/step_cache.ts";
import type { Reporter } from "./reporter.ts";
import type { Sessions } from "./stage/sessions.ts";
import type { Sources } from "./source/sources.ts";

export interface Job {
  readonly id: string;
  readonly request: BuildRequest;
  readonly dockerfile: Dockerfile;
  readonly hostPlatform: Platform;
  readonly images: Images;
  readonly lease: ImageLease;
  readonly cache: StepCache;
  readonly digests: FileDigests;
  readonly locks: KeyLocks;
  readonly sources: Sources;
  readonly sessions: Sessions;
  readonly reporter: Reporter;
  readonly background: Background;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Of this build alone, on the file system of the home; removed with it. */
  readonly folder: string;
  /** SOURCE_DATE_EPOCH, seconds. */
  readonly epoch: number | undefined;
}
