import type { Socket } from "node:net";
import { z } from "zod";
import { CtrError, withDeadline } from "../../core/mod.ts";
import { connectUnix } from "../../host/mod.ts";

const Message = z.union([
  z.object({ event: z.string(), data: z.record(z.string(), z.unknown()).default({}) }),
  z.object({ error: z.object({ class: z.string(), desc: z.string() }), id: z.number().optional() }),
  z.object({ return: z.unknown(), id: z.number() }),
  z.object({ QMP: z.record(z.string(), z.unknown()) }), // the greeting
]);

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A line of QMP is some hundred bytes; a monitor that sends more without a newline is broken. */
const LONGEST_LINE = 1 << 20;

/**
 * A client of QEMU's machine protocol: one JSON object per line, answers by `id`, events between.
 *
 * QEMU serves one client at a time.
 *
 * @see https://www.qemu.org/docs/master/interop/qmp-spec.html
 */
export class Qmp {
  /** Resolves when the connection is closed: with QEMU's end, or ours. */
  readonly closed: Promise<void>;
  #socket: Socket;
  #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #nextId = 1;
  #rest = "";
  #onEvent: (event: QmpEvent) => void;

  private constructor(socket: Socket, onEvent: (event: QmpEvent) => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#take(text));
    socket.on("end", () => socket.destroy());
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => {
      const gone = new CtrError("unavailable", "cannot reach the monitor: it has ended");
      for (const { reject } of this.#waiting.values()) reject(gone);
      this.#waiting.clear();
      resolve();
    });
  }

  /**
   * Connects, negotiates, and so waits until QEMU has made every device.
   *
   * @param onEvent Gets every event, the first ones before this returns.
   * @throws {CtrError} `timeout`, or `unavailable` if QEMU ends meanwhile.
   */
  static async connect(
    path: string,
    onEvent: (event: QmpEvent) => void,
    options: { deadlineMs: number; signal?: AbortSignal },
  ): Promise<Qmp> {
    const what = "connecting to the monitor";
    const socket = await connectUnix(path, { ...options, what });
    const qmp = new Qmp(socket, onEvent);
    try {
      await qmp.execute("qmp_capabilities", {}, options);
    } catch (error) {
      qmp.close();
      throw error;
    }
    return qmp;
  }

  /**
   * @throws {CtrError} `invalid-state` if QEMU refuses, `timeout`, `unavailable` when it has ended.
   */
  async execute(
    command: string,
    args: Record<string, unknown>,
    options: { deadlineMs: number; signal?: AbortSignal },
  ): Promise<unknown> {
    if (this.#socket.destroyed) {
      throw new CtrError("unavailable", "cannot reach the monitor: it has ended");
    }
    const id = this.#nextId++;
    const answer = Promise.withResolvers<unknown>();
    answer.promise.catch(() => {}); // it may come after the deadline
    this.#waiting.set(id, answer);
    this.#socket.write(JSON.stringify({ execute: command, arguments: args, id }) + "\n");
    try {
      const what = `waiting for the monitor's answer to ${command}`;
      return await withDeadline(what, options.deadlineMs, () => answer.promise, options.signal);
    } finally {
      this.#waiting.delete(id);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    if (this.#rest.length > LONGEST_LINE) return void this.#socket.destroy();
    for (const line of lines) {
      if (line.trim() !== "" && !this.#dispatch(line)) return void this.#socket.destroy();
    }
  }

  #dispatch(line: string): boolean {
    const message = parse(line);
    if (message === undefined) return false;
    if ("event" in message) this.#onEvent(message);
    else if ("return" in message) this.#waiting.get(message.id)?.resolve(message.return);
    else if ("error" in message) {
      const { desc } = message.error;
      this.#waiting.get(message.id ?? -1)?.reject(
        new CtrError("invalid-state", `the monitor refused: ${desc}`),
      );
    }
    return true;
  }
}

function parse(line: string): z.infer<typeof Message> | undefined {
  try {
    return Message.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
