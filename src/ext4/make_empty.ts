import { CtrError } from "../core/mod.ts";

export interface EmptyExt4Options {
  /** Default true: the disk is for writing. */
  readonly journal?: boolean;
  /** At most 16 bytes. */
  readonly label?: string;
  /** Default: random. */
  readonly uuid?: string;
}

/**
 * Makes an empty, writable file system in milliseconds whatever its size: a few hundred kilobytes are
 * written, the rest is a hole that reads as zeros.
 *
 * @param path Created, or emptied. The caller flushes and names it if that matters to it.
 * @param capacityBytes What the guest sees, a multiple of 4096, 1 MiB to 16 TiB.
 */
export function makeEmptyExt4(
  _path: string,
  _capacityBytes: number,
  _options: EmptyExt4Options = {},
): Promise<void> {
  return Promise.reject(new CtrError("unsupported", "make ext4: not written yet"));
}
