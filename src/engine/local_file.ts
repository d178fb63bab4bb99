import { CtrError } from "../core/mod.ts";
import type { Call } from "./router.ts";

/**
 * The file of this machine that a client names instead of sending its bytes; undefined if it names
 * none. The client says which file it means by device and inode, because it may see another tree.
 *
 * @returns Open. The caller closes it.
 * @throws {CtrError} `unsupported` if the engine does not see that file: the bytes have to be sent.
 */
export async function localFile(
  call: Call,
  options: { readonly write?: boolean } = {},
): Promise<{ readonly path: string; readonly file: Deno.FsFile } | undefined> {
  const path = call.query.get("path");
  if (path === null) return undefined;
  const [device, inode] = [Number(call.query.get("device")), Number(call.query.get("inode"))];
  let file: Deno.FsFile | undefined;
  try {
    // A pipe's other end may never come: it is not even opened.
    if (!(await Deno.stat(path)).isFile) throw new Error("not a file");
    file = await Deno.open(path, { read: !options.write, write: Boolean(options.write) });
    const info = await file.stat();
    if (info.isFile && info.dev === device && info.ino === inode) return { path, file };
  } catch {
    // Told below: what the client does about it is the same.
  }
  file?.close();
  throw new CtrError("unsupported", `cannot use "${path}": the engine does not see this file`);
}
