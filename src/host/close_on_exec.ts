import type { Server } from "node:net";
import { libc } from "./libc.ts";

const F_SETFD = 2;
const FD_CLOEXEC = 1;

/**
 * Keeps a listening server's socket out of the processes that we start.
 *
 * Deno opens the sockets of `node:net` servers on paths without `O_CLOEXEC`. A monitor would inherit
 * ours and keep it alive after our end: clients would connect to a socket that nobody serves. (It
 * sets the flag on every other descriptor that it opens.)
 */
export function closeOnExec(server: Server): void {
  const fd = descriptorOf(server);
  if (fd === undefined) throw new Error("the server's socket has no descriptor");
  if (libc().fcntl(fd, F_SETFD, FD_CLOEXEC) !== 0) {
    throw new Error("the server's socket would be inherited");
  }
}

/** The number behind a socket or server of `node:net`, while it is open. */
export function descriptorOf(socket: object): number | undefined {
  const { _handle: handle } = socket as { _handle?: { fd?: number } };
  const fd = handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}
