/**
 * Containers: their records, their lives, their processes' streams and their logs.
 *
 * @module
 */
export { Containers } from "./containers.ts";
export type { Container } from "./container.ts";
export type { Context as ContainersContext } from "./context.ts";
export type { AttachedProcess } from "./live_process.ts";
export { LOG_BEGIN, logEnd, LogFollower, readLog, readTail } from "./log_reader.ts";
export type { LogPosition, ReadRecord } from "./log_reader.ts";
export { DEFAULT_LOG_LIMITS } from "./log_writer.ts";
export type { LogLimits, LogWriter } from "./log_writer.ts";
export type { ProcessInput } from "../vm/mod.ts";
export type { OutputSink } from "./process_output.ts";
export { findContainerProblems } from "./problems.ts";
export type { ContainerProblem } from "./problems.ts";
export { moment, pruneContainers } from "./prune.ts";
export { networkReferences } from "./networking/network_references.ts";
export type { ImageFacts } from "./merge.ts";
export { ContainerRecords } from "./records.ts";
export { StatsSampler } from "./stats.ts";
export { volumeReferences } from "./volume_references.ts";
export { commitContainer } from "./files/commit.ts";
export type { CommitImages } from "./files/commit.ts";
export type { ContainerFiles, CopyInSpec, CopyOutSpec } from "./files/container_files.ts";
