import { cText, type LibSystem } from "./libc.ts";

/**
 * A copy that shares its blocks with the original until one is changed: at once, whatever the size.
 *
 * @param to Does not exist.
 * @returns False where it cannot be: on another volume, or on a file system that is not APFS.
 * @see the manual page clonefile(2)
 */
export function clone(from: string, to: string, of: Pick<LibSystem, "clonefile">): boolean {
  return of.clonefile(cText(from), cText(to), 0) === 0;
}
