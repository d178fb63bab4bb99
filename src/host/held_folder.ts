import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  futimesSync,
  openSync,
  statSync,
} from "node:fs";
import { CtrError } from "../core/mod.ts";

/**
 * A folder that is held by its descriptor, so that nobody can put a link in its place while files are
 * written into it: someone may who shares it, a guest for one.
 *
 * Where the host shows no descriptors as paths (macOS), the path is looked at instead, just before.
 */
export class HeldFolder implements Disposable {
  readonly #fd: number;
  readonly #path: string;

  /** @param flags Further flags of open(2). */
  private constructor(path: string, flags: number) {
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | flags);
    const shown = `/proc/self/fd/${this.#fd}`;
    this.#path = isSame(shown, this.#fd) ? shown : path;
  }

  /** Links are followed. */
  static open(path: string): HeldFolder {
    return new HeldFolder(path, 0);
  }

  /** The path by which a name in it is used, once. Links at its end are for the call to follow or not. */
  at(name: string): string {
    return `${this.#path}/${name}`;
  }

  /** A folder in it. @throws {CtrError} `conflict` if it is a link or no folder. */
  enter(name: string): HeldFolder {
    const path = this.at(name);
    try {
      return new HeldFolder(path, constants.O_NOFOLLOW);
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (code === "ENOTDIR" || code === "ELOOP") {
        throw new CtrError("conflict", `cannot use "${name}" as a folder: it is none`);
      }
      throw error;
    }
  }

  /** @param mode The low 12 bits. */
  chmod(mode: number): void {
    fchmodSync(this.#fd, mode);
  }

  chown(uid: number, gid: number): void {
    fchownSync(this.#fd, uid, gid);
  }

  /** Seconds since 1970. */
  utime(atime: number, mtime: number): void {
    futimesSync(this.#fd, atime, mtime);
  }

  stat(): { readonly mode: number; readonly atimeMs: number; readonly mtimeMs: number } {
    return fstatSync(this.#fd);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** False where there is no such file system. */
function isSame(path: string, fd: number): boolean {
  const at = statSync(path, { throwIfNoEntry: false });
  const held = fstatSync(fd);
  return at !== undefined && at.dev === held.dev && at.ino === held.ino;
}
