import { CtrError } from "./errors.ts";

/** A lock that the kernel drops when the process ends, however it ends. */
export class FileLock implements Disposable {
  #file: Deno.FsFile;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/**
 * Takes the exclusive lock of `path`, creating the file.
 *
 * The file stays: removing it would let two processes hold "the" lock at once.
 *
 * @param what Names the locked thing in the error, for example `the image store`.
 * @throws {CtrError} `timeout` if another process still holds it after `timeoutMs`.
 */
export async function lockFile(path: string, what: string, timeoutMs: number): Promise<FileLock> {
  const until = performance.now() + timeoutMs;
  const file = await Deno.open(path, { create: true, read: true, write: true, mode: 0o600 });
  for (let pauseMs = 1;; pauseMs = Math.min(pauseMs * 2, 50)) {
    try {
      if (await file.tryLock(true)) return new FileLock(file);
    } catch (error) {
      file.close();
      throw error;
    }
    if (performance.now() >= until) {
      file.close();
      throw new CtrError("timeout", `cannot lock ${what}: another ctr process holds it`, {
        hint: `see which with: fuser ${path}`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
