import type { Socket } from "node:net";

/** What one console file may hold; there are two, the current and the one before. */
export const CONSOLE_BYTES = 256 * 1024;

/** Copies a guest's console into a bounded file: a hostile guest must not fill the host's disk. */
export class ConsoleLog {
  /** Resolves when the console is closed and all of it is written. */
  readonly done: Promise<void>;
  readonly #path: string;
  readonly #seen: (chunk: Uint8Array) => void;
  #socket: Socket | undefined;
  #abort = new AbortController();

  /**
   * @param open Gives the socket from which the console is read.
   * @param seen Gets every piece before it is written.
   */
  constructor(
    open: (signal: AbortSignal) => Promise<Socket>,
    path: string,
    seen: (chunk: Uint8Array) => void = () => {},
  ) {
    this.#path = path;
    this.#seen = seen;
    this.done = this.#copy(open);
  }

  close(): void {
    this.#abort.abort();
    this.#socket?.destroy();
  }

  async #copy(open: (signal: AbortSignal) => Promise<Socket>): Promise<void> {
    try {
      const { signal } = this.#abort;
      const socket = await open(signal);
      socket.unref();
      this.#socket = socket;
      if (signal.aborted) return void socket.destroy();
      for await (const chunk of socket) {
        this.#seen(chunk as Uint8Array);
        await this.#append(chunk as Uint8Array);
      }
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
