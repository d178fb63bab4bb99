/** An empty disk: the writer without entries, so there is one code that lays out a file system. */
import { CtrError } from "../core/mod.ts";
import { BLOCK_SIZE } from "./layout.ts";
import { parseUuid } from "./superblock.ts";
import { Ext4Writer } from "./writer.ts";

const LEAST = 1 << 20;
const LEAST_WITH_JOURNAL = 1 << 24;
const MOST = 2 ** 44;

export interface EmptyExt4Options {
  /** Default true: the disk is for writing. */
  readonly journal?: boolean;
  /** 4 MiB to 512 MiB. Default: by the capacity. */
  readonly journalBytes?: number;
  /** See `Ext4WriterOptions`; default true. */
  readonly lostAndFound?: boolean;
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
 * @param capacityBytes What the guest sees, a multiple of 4096: at least 1 MiB, 16 MiB with a journal, and
 *   at most 16 TiB.
 * @throws {CtrError} `usage` if the capacity is none of these.
 */
export async function makeEmptyExt4(
  path: string,
  capacityBytes: number,
  options: EmptyExt4Options = {},
): Promise<void> {
  const journal = options.journal ?? true;
  const least = journal ? LEAST_WITH_JOURNAL : LEAST;
  if (capacityBytes % BLOCK_SIZE !== 0 || !(capacityBytes >= least && capacityBytes < MOST)) {
    throw new CtrError(
      "usage",
      `make ext4 ${
        JSON.stringify(path)
      }: ${capacityBytes} bytes is not a multiple of ${BLOCK_SIZE} ` +
        `from ${least} to ${MOST - BLOCK_SIZE}`,
    );
  }
  const uuid = options.uuid === undefined
    ? crypto.getRandomValues(new Uint8Array(16))
    : parseUuid(options.uuid);
  using file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
  new Ext4Writer(file, {
    capacityBytes,
    journal,
    lostAndFound: options.lostAndFound ?? true,
    ...(options.journalBytes === undefined ? {} : { journalBytes: options.journalBytes }),
    ...(options.label === undefined ? {} : { label: options.label }),
  }).finish(uuid);
}
