/**
 * What is said between the main thread and the workers. A layer takes two workers, because inflating costs
 * as much as all the rest: one decodes and counts compressed bytes, one makes the disk. Decoded bytes go
 * straight from the one to the other through `port`, in buffers that come back to be filled again.
 */
import type { Extracted } from "./extract_job.ts";
import type { DigestedFile, LayerContent } from "./layer_content.ts";
import type { Compression, IgnoredNames, PackedResult, PackWhat, UnpackLimits } from "./types.ts";

export type { PackedResult } from "./types.ts";

export type Limits = Required<UnpackLimits>;

export interface DecodeJob {
  readonly job: "decode";
  readonly compression: Compression;
  /** The worker reads the file itself; otherwise `chunk` messages follow, then `end`. */
  readonly path: string | undefined;
  readonly maxUncompressedBytes: number;
  readonly port: MessagePort;
}

export interface WriteJob {
  readonly job: "write";
  /** An empty file that exists. */
  readonly disk: string;
  readonly plain: boolean;
  readonly limits: Limits;
  readonly port: MessagePort;
}

export interface MergeJob {
  readonly job: "merge";
  readonly disk: string;
  readonly sources: readonly string[];
  readonly keepWhiteouts: boolean;
  readonly capacityBytes: number | undefined;
  readonly journal: boolean;
  readonly uuid: string | undefined;
  readonly label: string | undefined;
  readonly limits: Limits;
}

export interface PackJob {
  readonly job: "pack";
  readonly what: PackWhat;
  /** The bottom first. */
  readonly disks: readonly string[];
  readonly upper: string | undefined;
  readonly ignored: IgnoredNames;
  readonly limits: Limits;
  readonly port: MessagePort;
}

/** The first half of a new layer; `port` leads to the worker of the second. */
export interface LayerJob {
  readonly job: "layer";
  readonly content: LayerContent;
  /** An empty file that exists. */
  readonly disk: string;
  readonly limits: Limits;
  readonly port: MessagePort;
}

export interface CompressJob {
  readonly job: "compress";
  /** An empty file that exists. */
  readonly blob: string;
  readonly compression: "gzip" | "zstd" | "none";
  readonly level: number | undefined;
  readonly port: MessagePort;
}

export interface DigestJob {
  readonly job: "digest";
  readonly files: readonly DigestedFile[];
  readonly disks: readonly string[];
}

export interface ExtractJob {
  readonly job: "extract";
  readonly disks: readonly string[];
  readonly folder: string;
  readonly latestMtime: number | undefined;
  readonly limits: Limits;
}

export type ToWorker =
  | ExtractJob
  | DigestJob
  | DecodeJob
  | LayerJob
  | CompressJob
  | PackJob
  | WriteJob
  | MergeJob
  | { readonly job: "chunk"; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly job: "end" };

export interface Decoded {
  readonly digest: string;
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
}

export interface Written {
  readonly diffId: string;
  readonly entries: number;
  readonly privilegedFiles: number;
  readonly blocks: number;
  readonly sizeBytes: number;
}

export interface Compressed {
  readonly digest: string;
  readonly size: number;
}

export type FromWorker =
  /** The buffer of the chunk comes back. Without one, the worker reads its file. */
  | { readonly event: "taken"; readonly bytes: number; readonly buffer?: ArrayBuffer }
  | { readonly event: "decoded"; readonly result: Decoded }
  | { readonly event: "written"; readonly result: Written }
  | { readonly event: "packed"; readonly result: PackedResult }
  | { readonly event: "layered"; readonly result: Written & { readonly uncompressedBytes: number } }
  | { readonly event: "compressed"; readonly result: Compressed }
  | { readonly event: "extracted"; readonly result: Extracted }
  | { readonly event: "digested"; readonly digests: Uint8Array }
  | { readonly event: "failed"; readonly failure: Failure };

/** An error on its way between threads, which would lose its class and code otherwise. */
export interface Failure {
  readonly code: string | undefined;
  readonly message: string;
  readonly stack: string | undefined;
}

/** From the decoder to the writer: bytes, or the end. Back come the buffers. */
export type PortMessage = { readonly buffer: ArrayBuffer; readonly length: number } | "end";
