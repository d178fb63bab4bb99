import { join } from "node:path";
import { CtrError } from "../../core/mod.ts";
import type { Share, ShareMount } from "../hypervisor.ts";

/** Which way shares take: `auto` is virtiofs where virtiofsd can run, else 9p. */
export type ShareTransport = "auto" | "virtiofs" | "9p";

/** Under this name a single file lies in its share's root. */
export const FILE_NAME = "file";

/** A share with nothing left to decide. `at` counts a VM's shares. */
export interface PlannedShare {
  readonly at: number;
  readonly tag: string;
  /** On the host, links resolved. */
  readonly path: string;
  readonly readonly: boolean;
  readonly single: boolean;
  readonly transport: "virtiofs" | "9p";
}

/** What QEMU is told of a share. */
export type ShareDevice =
  | { readonly transport: "virtiofs"; readonly tag: string; readonly socket: string }
  | {
    readonly transport: "9p";
    readonly tag: string;
    readonly path: string;
    readonly readonly: boolean;
    /** False: owners and modes are kept beside the files, because the host lets us set none. */
    readonly privileged: boolean;
  };

/**
 * Decides how shares are made.
 *
 * @throws {CtrError} `not-found` for a path that is not there, `unsupported` for what is no folder or file.
 */
export async function planShares(
  shares: readonly Share[],
  transport: PlannedShare["transport"],
): Promise<PlannedShare[]> {
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
    return { at, tag, path: found, readonly, single: info.isFile, transport };
  }));
}

/** Relative to the VM's folder. */
export function shareSocket(at: number): string {
  return `share${at}.sock`;
}

/** Where a share's files are gathered that are not shared as the folder that they are. */
export function shareRoot(folder: string, at: number): string {
  return join(folder, `share${at}`);
}

export function shareDevice(share: PlannedShare, folder: string): ShareDevice {
  const { at, tag, readonly, transport } = share;
  if (transport === "virtiofs") return { transport, tag, socket: shareSocket(at) };
  const path = share.single ? shareRoot(folder, at) : share.path;
  return { transport, tag, path, readonly, privileged: Deno.uid() === 0 };
}

/** How the guest mounts it. */
export function shareMount(share: Omit<PlannedShare, "path" | "at">): ShareMount {
  const options = [
    ...(share.readonly ? ["ro"] : []),
    // Without a cache programs could not map files for writing (SQLite does).
    ...(share.transport === "9p" ? ["cache=mmap"] : []),
  ];
  return {
    type: share.transport,
    options,
    ...(share.single && { file: FILE_NAME }),
  };
}

/**
 * A single file for 9p: a link in a folder of its own, which nothing can be added to. As with a bind
 * mount, a file that takes its place on the host later is not seen.
 *
 * @throws {CtrError} `unsupported` where the file cannot be linked to: on another file system.
 */
export async function linkSingleFile(share: PlannedShare, folder: string): Promise<void> {
  const root = shareRoot(folder, share.at);
  await removeShareRoot(folder, share.at); // of an attempt before
  await Deno.mkdir(root, { mode: 0o700 });
  try {
    await Deno.link(share.path, join(root, FILE_NAME));
  } catch (cause) {
    const fact = `without virtiofsd a single file must be on the file system of "${folder}"`;
    throw new CtrError("unsupported", `cannot share "${share.path}": ${fact}`, {
      hint: "share the folder that it is in, or install virtiofsd and run as root",
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
