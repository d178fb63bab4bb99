/**
 * What every other folder may use: errors, locks, atomic files, deadlines, sizes, durations, log, migrations.
 *
 * @module
 */
export { CtrError, EXIT_STATUS, exitStatusOf, isCtrError, isDiskFull } from "./errors.ts";
export type { ErrorCode, ErrorDetails } from "./errors.ts";
export { formatSize, isBareNumber, parseSize } from "./sizes.ts";
export { formatDuration, parseDurationMs } from "./durations.ts";
export { withDeadline } from "./deadline.ts";
export { syncFolder, TEMPORARY_SUFFIX, temporaryPath, writeFileAtomic } from "./atomic.ts";
export { bytesOf, folderBytes } from "./file_bytes.ts";
export type { FileBytes } from "./file_bytes.ts";
export { FileLock, lockFile } from "./locks.ts";
export { createLog, SILENT } from "./log.ts";
export type { Log, LogLevel } from "./log.ts";
export { migrate } from "./migrate.ts";
