import type { Share, ShareMount } from "../hypervisor.ts";
import {
  FILE_NAME,
  findShares,
  type FoundShare,
  linkSingleFile,
  shareRoot,
} from "../single_file.ts";

/** Which way shares take: `auto` is virtiofs where virtiofsd can run, else 9p. */
export type ShareTransport = "auto" | "virtiofs" | "9p";

/** A share with nothing left to decide. */
export interface PlannedShare extends FoundShare {
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
 * @throws {CtrError} As `findShares()` does.
 */
export async function planShares(
  shares: readonly Share[],
  transport: PlannedShare["transport"],
): Promise<PlannedShare[]> {
  return (await findShares(shares)).map((share) => ({ ...share, transport }));
}

/** Relative to the VM's folder. */
export function shareSocket(at: number): string {
  return `share${at}.sock`;
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
 * A single file for 9p.
 *
 * @throws {CtrError} `unsupported` where the file cannot be linked to.
 */
export async function linkFor9p(share: PlannedShare, folder: string): Promise<void> {
  await linkSingleFile(share, folder, {
    fact: `without virtiofsd a single file must be on the file system of "${folder}"`,
    hint: "share the folder that it is in, or install virtiofsd and run as root",
  });
}
