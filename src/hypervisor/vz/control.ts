import type { Socket } from "node:net";
import { CtrError, withDeadline } from "../../core/mod.ts";
import { connectUnix } from "../../host/mod.ts";
import type { VmExit } from "../hypervisor.ts";
import { quoteLine, readJsonLines } from "../json_lines.ts";
import { type CallBody, type Failure, LONGEST_LINE, Message, PROTOCOL } from "./protocol.ts";

/** The engine's connection to a monitor. */
export class Control {
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;
  /** How the VM ended, if the monitor has said so. */
  ended: VmExit | undefined;
  /** Why the monitor is not believed any more, as a clause. */
  broken: string | undefined;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #hello = Promise.withResolvers<void>();
  #nextId = 1;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#hello.promise.catch(() => {}); // awaited by connect()
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.on("error", () => {}); // "close" follows
    socket.on("end", () => socket.destroy());
    socket.once("close", () => {
      const why = this.broken ?? "it has ended";
      const gone = new CtrError("unavailable", `cannot reach the monitor: ${why}`);
      this.#hello.reject(gone);
      for (const { reject } of this.#waiting.values()) reject(gone);
      this.#waiting.clear();
      resolve();
    });
    readJsonLines(socket, {
      longest: LONGEST_LINE,
      parse: (value) => Message.safeParse(value).data,
      take: (message) => this.#take(message),
      broken: (line) => this.broken = `it sent what is no message: ${quoteLine(line)}`,
    });
  }

  /**
   * Connects, and so waits until the VM runs.
   *
   * @throws {CtrError} Why it could not be started, as the monitor says; `timeout`, `unavailable`.
   */
  static async connect(
    path: string,
    options: { readonly deadlineMs: number; readonly signal?: AbortSignal },
  ): Promise<Control> {
    const what = "waiting for the VM's monitor";
    const until = performance.now() + options.deadlineMs;
    const socket = await connectUnix(path, { ...options, what });
    const control = new Control(socket);
    const leftMs = Math.max(1, until - performance.now());
    try {
      await withDeadline(what, leftMs, () => control.#hello.promise, options.signal);
    } catch (error) {
      control.close();
      throw error;
    }
    return control;
  }

  /** @throws {CtrError} What the monitor answers; `timeout`, `unavailable`. */
  async call(body: CallBody, deadlineMs: number): Promise<unknown> {
    if (this.#socket.destroyed) {
      throw new CtrError("unavailable", "cannot reach the monitor: it has ended");
    }
    const id = this.#nextId++;
    const answer = Promise.withResolvers<unknown>();
    answer.promise.catch(() => {}); // it may come after the deadline
    this.#waiting.set(id, answer);
    this.#socket.write(`${JSON.stringify({ id, ...body })}\n`);
    try {
      const what = `waiting for the monitor's answer to ${body.call}`;
      return await withDeadline(what, deadlineMs, () => answer.promise);
    } finally {
      this.#waiting.delete(id);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(message: Message): void {
    if ("hello" in message) {
      const { protocol } = message.hello;
      if (protocol === PROTOCOL) return this.#hello.resolve();
      const fact = `it speaks version ${protocol} of their protocol, not ${PROTOCOL}`;
      this.#hello.reject(new CtrError("unsupported", `cannot use the VM's monitor: ${fact}`));
    } else if ("failed" in message) this.#hello.reject(asError(message.failed));
    else if ("ended" in message) this.ended ??= message.ended;
    else if ("error" in message) this.#waiting.get(message.id)?.reject(asError(message.error));
    else this.#waiting.get(message.id)?.resolve(message.result);
  }
}

function asError({ code, message, hint }: Failure): CtrError {
  return new CtrError(code, message, { hint });
}
