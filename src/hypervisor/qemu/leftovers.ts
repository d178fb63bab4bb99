import { join } from "node:path";
import { SOCKETS } from "./arguments.ts";
import { DAEMON } from "./record.ts";

/**
 * QEMU's own messages may be provoked by a guest (a broken virtio queue is worth a line each time), so
 * their file is bounded: it is looked at every few seconds and emptied when larger. QEMU appends.
 */
const LOG_BYTES = 256 * 1024;

export async function trimLog(folder: string, name = DAEMON): Promise<void> {
  const path = logPath(folder, name);
  try {
    if ((await Deno.stat(path)).size > LOG_BYTES) await Deno.truncate(path);
  } catch {
    // no log, or no folder any more
  }
}

/** The last thing QEMU said, or another program of the VM, without its own name. */
export async function lastLogLine(folder: string, name = DAEMON): Promise<string | undefined> {
  const text = await Deno.readTextFile(logPath(folder, name)).catch(() => "");
  const line = text.split("\n").filter((each) => each.trim() !== "").at(-1);
  return line?.replace(/^qemu-system-\w+: /, "").slice(0, 300);
}

/** Sockets outlive a killed QEMU; nobody answers there. */
export async function clearSockets(folder: string): Promise<void> {
  for (const name of Object.values(SOCKETS)) await Deno.remove(join(folder, name)).catch(() => {});
  for (let at = 0; at < 16; at++) {
    const gone = await Deno.remove(join(folder, `nic${at}.sock`)).then(() => true, () => false);
    if (!gone) return;
  }
}

function logPath(folder: string, name: string): string {
  return join(folder, `${name}.log`);
}
