import { CtrError } from "../core/mod.ts";
import { OutputClosed, writeOutput } from "./attach_output.ts";

/**
 * Writes a file under a temporary name until it is whole: half an archive looks like an archive.
 *
 * What is there and no plain file, such as `/dev/stdout`, a pipe or a link, is written to as it is: to
 * rename something over it would destroy it.
 */
export async function saveFile(path: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = await isReplaceable(path) ? temporaryName(path) : undefined;
  try {
    const file = await Deno.open(
      temporary ?? path,
      temporary ? { write: true, createNew: true } : { write: true, truncate: true },
    );
    try {
      for await (const bytes of body) await writeOutput(file, bytes);
    } finally {
      file.close();
    }
    if (temporary) await Deno.rename(temporary, path);
  } catch (error) {
    if (temporary) await Deno.remove(temporary).catch(() => {});
    if (error instanceof CtrError || error instanceof OutputClosed) throw error;
    const fact = error instanceof Error ? error.message : String(error);
    throw new CtrError("denied", `cannot write "${path}": ${fact}`, { cause: error });
  }
}

/** True if `path` is a plain file, or nothing yet. Links are not followed. */
export async function isReplaceable(path: string): Promise<boolean> {
  const there = await Deno.lstat(path).catch(() => undefined);
  return there === undefined || there.isFile;
}

export function temporaryName(path: string): string {
  return `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
}
