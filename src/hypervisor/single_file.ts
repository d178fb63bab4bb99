import { join } from "node:path";
import { CtrError } from "../core/mod.ts";
import type { Share } from "./hypervisor.ts";

/** Under this name a single file lies in its share's root. */
export const FILE_NAME = "file";

/** A share's path with its links resolved, and whether it is a single file. `at` counts a VM's shares. */
export interface FoundShare {
  readonly at: number;
  readonly tag: string;
  readonly path: string;
  readonly readonly: boolean;
  readonly single: boolean;
}

/**
 * Looks at what is to be shared.
 *
 * @throws {CtrError} `not-found` for a path that is not there, `unsupported` for what is no folder or file.
 */
export async function findShares(shares: readonly Share[]): Promise<FoundShare[]> {
  return await Promise.all(shares.map(async ({ tag, path, readonly }, at) => {
    if (!/^[\w.-]{1,31}$/.test(tag)) throw new TypeError(`not a share's tag: ${tag}`);
    const found = await Deno.realPath(path).catch(() => undefined);
    const info = found === undefined ? undefined : await Deno.stat(found).catch(() => undefined);
    if (found === undefined || info === undefined) {
      throw new CtrError("not-found", `cannot share "${path}": there is no such file or folder`);
    }
    if (!info.isDirectory && !info.isFile) {
      throw new CtrError("unsupported", `cannot share "${path}": it is no file or folder`);
    }
    return { at, tag, path: found, readonly, single: info.isFile };
  }));
}

/** Where a share's files are gathered that are not shared as the folder that they are. */
export function shareRoot(folder: string, at: number): string {
  return join(folder, `share${at}`);
}

/**
 * A single file as a folder that can be shared: a link in a folder of its own, which nothing can be added
 * to. As with a bind mount, a file that takes its place on the host later is not seen.
 *
 * @param refusal What to say where the file cannot be linked to: on another file system.
 * @throws {CtrError} `unsupported` then.
 */
export async function linkSingleFile(
  { path, at }: Pick<FoundShare, "path" | "at">,
  folder: string,
  refusal: { readonly fact: string; readonly hint: string },
): Promise<void> {
  const root = shareRoot(folder, at);
  await removeShareRoot(folder, at); // of an attempt before
  await Deno.mkdir(root, { mode: 0o700 });
  try {
    await Deno.link(path, join(root, FILE_NAME));
  } catch (cause) {
    throw new CtrError("unsupported", `cannot share "${path}": ${refusal.fact}`, {
      hint: refusal.hint,
      cause,
    });
  }
  await Deno.chmod(root, 0o555);
}

/** Never recursive: if more than our link were there, it would be somebody's. */
export async function removeShareRoot(folder: string, at: number): Promise<void> {
  const root = shareRoot(folder, at);
  await Deno.chmod(root, 0o700).catch(() => {});
  await Deno.remove(join(root, FILE_NAME)).catch(() => {});
  await Deno.remove(root).catch(() => {});
}
