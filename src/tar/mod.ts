/**
 * tar: a push reader for v7, ustar, GNU and PAX archives, and headers to write them.
 *
 * Paths and names are binary strings, a character per byte; see {@linkcode TarEntry}.
 *
 * @module
 */
export { binaryOf, bytesOf, textOf } from "./entry.ts";
export type { TarEntry, TarType } from "./entry.ts";
export { TarReader } from "./reader.ts";
export type { TarLimits, TarSink } from "./reader.ts";
export { readTar } from "./read_tar.ts";
export { TAR_END, tarHeader, tarPadding } from "./writer.ts";
export type { TarEntryInit } from "./writer.ts";
