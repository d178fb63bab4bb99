import { join } from "node:path";
import { FFI, output } from "./facts.ts";

/** The shim's source and what builds it, to be changed: into `folder`, which is empty. */
export async function copySource(folder: string): Promise<void> {
  const root = join(FFI, "..");
  await output("cp", "-R", FFI, join(folder, "ffi"));
  await Deno.mkdir(join(folder, "scripts"));
  for (const each of ["lib.sh", "tools.txt"]) {
    await Deno.copyFile(join(root, "scripts", each), join(folder, "scripts", each));
  }
}
