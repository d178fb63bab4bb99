import type { Digest, Platform } from "../oci/mod.ts";
import type { TreeChange } from "../unpack/mod.ts";
import type { PullProgress } from "./types.ts";

/** A step of an image's making. */
export interface HistoryEntry {
  /** ISO 8601, as the image says it. */
  readonly created?: string;
  readonly createdBy: string;
  readonly comment: string;
  /** Bytes of its layer as it is in the store; 0 for a step that made none. */
  readonly size: number;
  readonly layer?: Digest;
}

export interface ConvertOptions {
  /** Default: each layer as it is. */
  readonly compression?: "none" | "gzip" | "zstd";
  /** Default: as the source. */
  readonly format?: "oci" | "docker";
  /** Default: every platform that is here. */
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface ImportOptions {
  /** Without one the image is known by its digest alone. */
  readonly reference?: string;
  /** Default: Linux on the host's architecture. */
  readonly platform?: Platform;
  /** Instructions of a Dockerfile, see {@linkcode applyChanges}. */
  readonly changes?: readonly string[];
  /** For the history. */
  readonly message?: string;
  /** Where the archive came from, for the history and for errors. */
  readonly from?: string;
  readonly signal?: AbortSignal;
}

export interface DiffOptions {
  /** Default: the host's, or the only one that is here. */
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
}

export interface ConfigChange {
  /** `config.Env`. */
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

export interface ImageDiff {
  readonly files: readonly TreeChange[];
  readonly config: readonly ConfigChange[];
}
