import { encodeFrame } from "../api/wire/mod.ts";
import { writeAll } from "./http.ts";

/**
 * Our half of an attached stream: frames in order, over whichever connection is the present one.
 *
 * A frame that meets a lost connection is dropped. Input is sent again by who keeps it, the terminal's
 * size with every new connection, and signals wait for one.
 */
export class Uplink {
  #connection: Deno.Conn | undefined;
  #last: Promise<unknown> = Promise.resolve();
  readonly #waiting: Uint8Array[] = [];

  open(connection: Deno.Conn): void {
    this.#connection = connection;
    for (const frame of this.#waiting.splice(0)) this.#enqueue(frame);
  }

  lose(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  /** Resolves when the frame is with the kernel, or lost. */
  async send(type: number, payload?: Uint8Array): Promise<void> {
    await this.#enqueue(encodeFrame(type, payload));
  }

  /** As `send`, but waits for a connection where there is none. */
  sendSurely(type: number, payload?: Uint8Array): void {
    const frame = encodeFrame(type, payload);
    if (this.#connection === undefined) this.#waiting.push(frame);
    else this.#enqueue(frame);
  }

  #enqueue(frame: Uint8Array): Promise<unknown> {
    const connection = this.#connection;
    return this.#last = this.#last.then(async () => {
      if (connection === undefined || connection !== this.#connection) return;
      try {
        await writeAll(connection, frame);
      } catch { /* whoever reads the connection learns of its end */ }
    });
  }
}
