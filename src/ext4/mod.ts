/**
 * ext4 from bytes alone: a streaming writer, an empty writable disk, and a reader that trusts nothing.
 *
 * @module
 */
export { makeEmptyExt4 } from "./make_empty.ts";
export type { EmptyExt4Options } from "./make_empty.ts";
