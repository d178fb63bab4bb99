import { CtrError } from "../core/mod.ts";
import { OutputClosed, writeOutput } from "./attach_output.ts";

/** Writes a file under a temporary name until it is whole: half an archive looks like an archive. */
export async function saveFile(path: string, body: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    const file = await Deno.open(temporary, { write: true, createNew: true });
    try {
      for await (const bytes of body) await writeOutput(file, bytes);
    } finally {
      file.close();
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    if (error instanceof CtrError || error instanceof OutputClosed) throw error;
    const fact = error instanceof Error ? error.message : String(error);
    throw new CtrError("denied", `cannot write "${path}": ${fact}`, { cause: error });
  }
}
