import { LABEL_OFFSET, SUPERBLOCK_OFFSET } from "./superblock.ts";

const LABEL_BYTES = 16;

/** The volume label of a disk, read from its superblock alone, which is not verified. */
export async function readLabel(disk: string): Promise<string> {
  using file = await Deno.open(disk);
  await file.seek(SUPERBLOCK_OFFSET + LABEL_OFFSET, Deno.SeekMode.Start);
  const bytes = new Uint8Array(LABEL_BYTES);
  const length = await file.read(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, length)).replace(/\0.*/s, "");
}
