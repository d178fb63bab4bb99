/**
 * Files that give whoever executes them more than he had: setuid, setgid, or with file capabilities. How
 * many a disk holds is its volume label. So the count is there exactly when the disk is, comes and goes
 * with it, and is found without reading a single inode.
 */
import { readLabel } from "../ext4/mod.ts";

const PREFIX = "privileged=";
const MOST = 99_999; // a label has 16 bytes

interface FileFacts {
  readonly type: string;
  readonly mode: number;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
}

export function isPrivileged({ type, mode, xattrs }: FileFacts): boolean {
  return type === "file" && ((mode & 0o6000) !== 0 || xattrs?.has("security.capability") === true);
}

export function privilegedLabel(files: number): string {
  return `${PREFIX}${Math.min(files, MOST)}`;
}

/**
 * Counts the privileged files of a layer's disk, or of merged layers.
 *
 * @returns At least how many there were on the way to the disk. Undefined if the disk does not say.
 */
export async function privilegedFilesOf(disk: string): Promise<number | undefined> {
  const label = await readLabel(disk);
  const count = label.startsWith(PREFIX) ? label.slice(PREFIX.length) : "";
  return /^\d+$/.test(count) ? Number(count) : undefined;
}
