import type { Socket } from "node:net";
import { connectUnix } from "../../host/mod.ts";

/** What one console file may hold; there are two, the current and the one before. */
export const CONSOLE_BYTES = 256 * 1024;

/**
 * Copies a guest's console from QEMU's socket into a bounded file.
 *
 * Why a socket: QEMU would write a file without end, and a hostile guest could fill the host's disk
 * with it. Nobody at the socket means that QEMU drops the text (it never stops the guest for a
 * console), so the log has a gap for as long as no engine runs, and the disk is safe then too.
 */
export class ConsoleLog {
  /** Resolves when the console is closed and all of it is written. */
  readonly done: Promise<void>;
  #path: string;
  #socket: Socket | undefined;
  #abort = new AbortController();

  constructor(socketPath: string, path: string) {
    this.#path = path;
    this.done = this.#copy(socketPath);
  }

  close(): void {
    this.#abort.abort();
    this.#socket?.destroy();
  }

  async #copy(socketPath: string): Promise<void> {
    try {
      const { signal } = this.#abort;
      const what = "opening the console";
      const socket = await connectUnix(socketPath, { deadlineMs: 10_000, what, signal });
      socket.unref();
      this.#socket = socket;
      if (signal.aborted) return void socket.destroy();
      for await (const chunk of socket) await this.#append(chunk as Uint8Array);
    } catch {
      // The log serves diagnosis; its loss (a full disk, a monitor that died) must not end a VM.
    } finally {
      this.#socket?.destroy();
    }
  }

  async #append(chunk: Uint8Array): Promise<void> {
    const { size } = await Deno.stat(this.#path).catch(() => ({ size: 0 }));
    if (size + chunk.length > CONSOLE_BYTES) {
      await Deno.rename(this.#path, `${this.#path}.1`).catch(() => {});
    }
    await Deno.writeFile(this.#path, chunk, { append: true, mode: 0o600 });
  }
}

/** The lines that tell why a guest ended: the kernel's panic, else its last words. */
export async function lastWords(path: string): Promise<string | undefined> {
  const text = await Deno.readTextFile(path).catch(() => "");
  // deno-lint-ignore no-control-regex
  const lines = text.split(/\r?\n/).map((line) => line.replace(/[\x00-\x1f\x7f-\x9f]/g, "").trim())
    .filter((line) => line !== "");
  const panic = lines.findLast((line) => line.includes("Kernel panic"));
  return (panic ?? lines.at(-1))?.replace(/^\[\s*[\d.]+\]\s*/, "").slice(0, 200);
}
