import { closeSync, openSync, symlinkSync, unlinkSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { basename, dirname, join } from "node:path";
import { CtrError } from "../core/mod.ts";

/** `sun_path` less its terminating zero: 107 on Linux, 103 on macOS. */
const LONGEST = Deno.build.os === "darwin" ? 103 : 107;

/** A path by which the kernel takes a socket whose own path is too long for it. */
export interface ShortPath extends Disposable {
  readonly path: string;
}

/**
 * Makes any socket path short enough for `bind` and `connect`; it is needed for that call alone.
 *
 * Linux: through an open descriptor of its folder (`/proc/self/fd/N/name`), which leaves nothing
 * behind. macOS: through a symbolic link in the user's own temporary folder.
 */
export function shortSocketPath(path: string): ShortPath {
  if (new TextEncoder().encode(path).length <= LONGEST) return { path, [Symbol.dispose]() {} };
  if (Deno.build.os === "linux") {
    const folder = openSync(dirname(path), "r");
    return {
      path: `/proc/self/fd/${folder}/${basename(path)}`,
      [Symbol.dispose]: () => closeSync(folder),
    };
  }
  const link = join(Deno.env.get("TMPDIR") ?? "/tmp", `ctr-${crypto.randomUUID().slice(0, 13)}`);
  symlinkSync(dirname(path), link);
  return { path: join(link, basename(path)), [Symbol.dispose]: () => unlinkSync(link) };
}

/**
 * Connects to a unix socket, whatever the length of its path, once.
 *
 * @throws {Error} The system's, with its `code` (`ENOENT`, `ECONNREFUSED`, …).
 */
export async function connectUnixOnce(path: string): Promise<Socket> {
  using short = shortSocketPath(path);
  const socket = connect({ path: short.path, allowHalfOpen: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("connect", resolve).once("error", reject);
  try {
    await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    socket.off("error", reject);
  }
  return socket;
}

/**
 * Connects to a unix socket that is about to appear: tries again until it listens.
 *
 * @param options.what Completes the error, for example `connecting to the monitor`.
 * @param options.signal Gives up at once, with its reason.
 * @throws {CtrError} `timeout` if nothing listens within `deadlineMs`.
 */
export async function connectUnix(
  path: string,
  options: { deadlineMs: number; what: string; signal?: AbortSignal | undefined },
): Promise<Socket> {
  const until = performance.now() + options.deadlineMs;
  for (let pauseMs = 2;; pauseMs = Math.min(25, pauseMs * 1.5)) {
    options.signal?.throwIfAborted();
    try {
      return await connectUnixOnce(path);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== "ENOENT" && code !== "ECONNREFUSED" && code !== "EAGAIN") throw error;
      if (performance.now() + pauseMs > until) {
        const after = `timed out after ${options.deadlineMs / 1000}s`;
        throw new CtrError("timeout", `${after}: ${options.what}`, { cause: error });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
