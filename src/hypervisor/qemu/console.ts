import { connectUnix } from "../../host/mod.ts";
import { ConsoleLog } from "../console.ts";

/**
 * Copies a guest's console from QEMU's socket.
 *
 * Why a socket: QEMU would write a file without end. Nobody at the socket means that QEMU drops the text
 * (it never stops the guest for a console), so the log has a gap for as long as no engine runs, and the
 * disk is safe then too.
 */
export function qemuConsole(socketPath: string, path: string): ConsoleLog {
  const what = "opening the console";
  const open = (signal: AbortSignal) =>
    connectUnix(socketPath, { deadlineMs: 10_000, what, signal });
  return new ConsoleLog(open, path);
}
