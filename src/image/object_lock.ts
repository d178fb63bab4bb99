/**
 * Locks of single objects: a blob, a disk, a lease.
 *
 * There are as many as there are objects, so unlike `lockFile` these clean up: the holder removes
 * the file before it lets go, and whoever gets a lock checks that it is still the file of that name.
 */
const MAX_PAUSE_MS = 50;

export class ObjectLock implements AsyncDisposable {
  #file: Deno.FsFile;
  #path: string;

  constructor(file: Deno.FsFile, path: string) {
    this.#file = file;
    this.#path = path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path).catch(() => {}); // first: see above
    this.#file.close();
  }
}

/** Waits for the lock of `path`, as long as its holder lives. */
export async function lockObject(path: string, signal?: AbortSignal): Promise<ObjectLock> {
  for (let pauseMs = 1;; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    signal?.throwIfAborted();
    const lock = await tryLockObject(path);
    if (lock) return lock;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** @returns Undefined if someone holds it. */
export async function tryLockObject(path: string): Promise<ObjectLock | undefined> {
  for (;;) {
    const file = await Deno.open(path, { create: true, read: true, write: true, mode: 0o600 });
    try {
      if (!await file.tryLock(true)) {
        file.close();
        return undefined;
      }
      const [mine, named] = [await file.stat(), await statOf(path)];
      if (named && named.ino === mine.ino) return new ObjectLock(file, path);
    } catch (error) {
      file.close();
      throw error;
    }
    file.close(); // removed by its last holder in between: there is a new file, or none
  }
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
