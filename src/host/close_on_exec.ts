import type { Server } from "node:net";
import { hostSystem } from "./facts.ts";

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
  const { _handle: handle } = server as unknown as { _handle?: { fd?: number } };
  const fd = handle?.fd;
  if (fd === undefined || fd < 0) throw new Error("the server's socket has no descriptor");
  if (setFlag(fd) !== 0) throw new Error("the server's socket would be inherited");
}

/**
 * `fcntl` is variadic. Linux passes such an argument like any other; Apple's arm64 puts it on the
 * stack, which is where the ninth of nine arguments is.
 */
function setFlag(fd: number): number {
  if (hostSystem() === "linux") {
    const libc = Deno.dlopen("libc.so.6", {
      fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
    });
    return libc.symbols.fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  const libc = Deno.dlopen("/usr/lib/libSystem.B.dylib", {
    fcntl: {
      parameters: ["i32", "i32", "i64", "i64", "i64", "i64", "i64", "i64", "i64"],
      result: "i32",
    },
  });
  return libc.symbols.fcntl(fd, F_SETFD, 0n, 0n, 0n, 0n, 0n, 0n, BigInt(FD_CLOEXEC));
}
