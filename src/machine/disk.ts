import { mergeLayers } from "../unpack/mod.ts";

/**
 * Writes a machine's root disk: an image's layers as one journaled file system that is the machine's own.
 *
 * @throws {CtrError} `no-space` if they do not fit; `bad-data`.
 */
export async function makeDisk(
  path: string,
  layers: readonly string[],
  capacityBytes: number,
): Promise<void> {
  await mergeLayers({
    sources: layers,
    target: path,
    keepWhiteouts: false,
    journal: true,
    capacityBytes,
    uuid: crypto.randomUUID(),
    label: "machine",
  });
}
