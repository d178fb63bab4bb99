/** Archives of strangers, made into disks: what is on a disk cannot lead out of it. */
import { CtrError, isCtrError } from "../../core/mod.ts";
import { unpackLayer } from "../../unpack/mod.ts";
import { withoutProgram } from "./decompress.ts";

export interface ArchiveOptions {
  readonly doing: string;
  readonly signal: AbortSignal;
  /** What is no archive is told by the result instead of an error. */
  readonly tolerant?: boolean;
}

/**
 * Unpacks a tar, compressed or not, onto a disk.
 *
 * @param source Bytes, or the path of a file.
 * @returns False if it is no archive, and that is tolerated.
 * @throws {CtrError} `bad-data`, `too-large`, `no-space`.
 */
export async function archiveDisk(
  source: AsyncIterable<Uint8Array> | string,
  disk: string,
  { doing, signal, tolerant = false }: ArchiveOptions,
): Promise<boolean> {
  try {
    const bytes = typeof source === "string" ? source : withoutProgram(source, doing, signal);
    await unpackLayer({ source: bytes, target: disk, plain: true, signal });
    return true;
  } catch (error) {
    if (!isCtrError(error)) throw error;
    if (tolerant && error.code === "bad-data") return false;
    if (error.message.startsWith(doing)) throw error;
    const fact = error.message.replace(/^unpack layer: /, "");
    throw new CtrError(error.code, `${doing}: ${fact}`, { cause: error });
  }
}
