import { syncFolder } from "../../core/mod.ts";
import { makeEmptyExt4 } from "../../ext4/mod.ts";
import { dirname } from "node:path";

/**
 * A container's disk is made anew when it starts for the first time, so it is always whole. One that got
 * files before that must not be: this mark beside it says so.
 */
export function keptMark(upper: string): string {
  return `${upper}.kept`;
}

export async function isKept(upper: string): Promise<boolean> {
  return await Deno.stat(keptMark(upper)).then(() => true, () => false);
}

/** Makes the disk of a container that has never run, for good. */
export async function makeKeptUpper(upper: string, bytes: number): Promise<void> {
  if (await isKept(upper)) return;
  await makeEmptyExt4(upper, bytes, { journal: true });
  using file = await Deno.open(upper, { write: true });
  await file.sync();
  await Deno.writeFile(keptMark(upper), new Uint8Array(0), { mode: 0o600 });
  await syncFolder(dirname(upper));
}
