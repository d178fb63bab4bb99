/** overlayfs's rules: what several disks show together. */
import { CtrError } from "../core/mod.ts";
import type { Ext4Inode, Ext4Reader } from "../ext4/mod.ts";
import { OPAQUE_VALUE, OPAQUE_XATTR } from "./whiteouts.ts";

/** What one disk has under a name. */
export interface Part {
  readonly layer: number;
  readonly inode: Ext4Inode;
}

/** A directory of the result: what the disks have there, the topmost first. */
export interface Place {
  readonly path: string;
  readonly parts: readonly Part[];
}

/** What becomes of a name: its topmost inode, directories that show through, and whether more may. */
export interface Merged {
  readonly parts: Part[];
  closed: boolean;
  /** Something below was hidden, so what lies below the merged disk must be hidden too. */
  opaque: boolean;
}

/** Applies the rules to one name. @param candidates The topmost first. */
export function resolve(candidates: readonly Part[]): Merged {
  const merged: Merged = { parts: [], closed: false, opaque: false };
  for (const part of candidates) {
    if (merged.closed) break;
    const isFirst = merged.parts.length === 0;
    if (part.inode.type === "directory") {
      merged.parts.push(part);
      merged.closed = merged.opaque = isOpaque(part.inode);
    } else {
      merged.closed = true;
      if (isFirst) merged.parts.push(part);
      else merged.opaque = true; // a file or a whiteout below a directory hides what is further below
    }
  }
  return merged;
}

export function isOpaque(inode: Ext4Inode): boolean {
  return inode.xattrs.get(OPAQUE_XATTR)?.[0] === OPAQUE_VALUE[0];
}

export function isWhiteout(inode: Ext4Inode): boolean {
  return inode.type === "char" && inode.devMajor === 0 && inode.devMinor === 0;
}

/** All names of a place in byte order, each with what the disks have, the topmost first. */
export function namesIn(layers: readonly Ext4Reader[], place: Place): [string, Part[]][] {
  const names = new Map<string, Part[]>();
  for (const { layer, inode } of place.parts) {
    const reader = layers[layer]!;
    for (const { name, inode: number } of reader.list(inode)) {
      const part = { layer, inode: reader.inode(number) };
      const parts = names.get(name);
      if (parts) parts.push(part);
      else names.set(name, [part]);
    }
  }
  return [...names].sort(([a], [b]) => a < b ? -1 : 1);
}

/**
 * The guest's overlay is mounted without `redirect_dir` and `metacopy`, so it never writes these. A disk
 * that has them was written by something else, and would be read wrongly.
 *
 * @throws {CtrError} `unsupported`.
 */
export function refuseRedirects({ xattrs }: Ext4Inode, path: string): void {
  for (const name of ["trusted.overlay.redirect", "trusted.overlay.metacopy"]) {
    if (!xattrs.has(name)) continue;
    throw new CtrError("unsupported", `${JSON.stringify(path)} has the attribute ${name}`);
  }
}

export function joined(folder: string, name: string): string {
  const path = folder === "" ? name : `${folder}/${name}`;
  if (path.length > MAX_PATH) throw new CtrError("bad-data", "a path is too long");
  return path;
}

const MAX_PATH = 1 << 16;
