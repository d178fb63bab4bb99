import type { Socket } from "node:net";
import { z } from "zod";
import { CtrError, type ErrorCode, withDeadline } from "../core/mod.ts";
import { connectUnix } from "../host/mod.ts";
import {
  Denial,
  Hello,
  Message,
  type NetdPort,
  type NetdPublished,
  NetdStatus,
  PROTOCOL,
} from "./netd_protocol.ts";

/** Every call is an entry in a table, or a socket of the host. */
const CALL_MS = 10_000;
const MAX_LINE = 16 * 1024 * 1024;

const CODES: Readonly<Record<string, ErrorCode>> = {
  "usage": "usage",
  "not-found": "not-found",
  "exists": "exists",
  "in-use": "conflict",
  "denied": "denied",
};

/** One control connection to a network's process. */
export class NetdClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #next = 1;
  /** Resolves when the connection is gone, whoever ended it. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket, onDenied: (denial: Denial) => void) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.on("error", () => {}); // "close" follows
    socket.once("end", () => socket.destroy());
    socket.once("close", () => {
      const gone = new CtrError("unavailable", "cannot reach the network's process: it has ended");
      for (const each of this.#waiting.values()) each.reject(gone);
      this.#waiting.clear();
      resolve();
    });
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (data: string) => {
      text += data;
      const lines = text.split("\n");
      text = lines.pop()!;
      if (text.length > MAX_LINE) socket.destroy();
      for (const line of lines) this.#take(line, onDenied);
    });
  }

  /**
   * Connects as soon as it listens.
   *
   * @throws {CtrError} `timeout`; `unsupported` if it speaks another protocol.
   */
  static async connect(
    path: string,
    options: { readonly deadlineMs: number; readonly onDenied: (denial: Denial) => void },
  ): Promise<NetdClient> {
    const what = "connecting to the network's process";
    const socket = await connectUnix(path, { deadlineMs: options.deadlineMs, what });
    const client = new NetdClient(socket, options.onDenied);
    const { protocol } = Hello.parse(await client.#call("hello"));
    if (protocol !== PROTOCOL) {
      client.close();
      throw new CtrError("unsupported", `cannot use netd: it speaks protocol ${protocol}`);
    }
    await client.#call("events");
    return client;
  }

  close(): void {
    this.#socket.destroy();
  }

  async status(): Promise<NetdStatus> {
    return NetdStatus.parse(await this.#call("status"));
  }

  async addPort(port: NetdPort): Promise<void> {
    await this.#call("port.add", port);
  }

  /** One that is not there is removed already. */
  async removePort(id: string): Promise<void> {
    await this.#call("port.remove", { id }).catch((error) => {
      if (!(error instanceof CtrError && error.code === "not-found")) throw error;
    });
  }

  async setNames(id: string, names: readonly string[]): Promise<void> {
    await this.#call("port.names", { id, names });
  }

  /** @returns Where it listens, `address:port`. */
  async publish(port: NetdPublished): Promise<string> {
    return z.object({ host: z.string() }).parse(await this.#call("publish", port)).host;
  }

  async unpublish(id: string): Promise<void> {
    await this.#call("unpublish", { id });
  }

  /** Whether somebody in the guest takes connections of a published port. */
  async listening(id: string): Promise<boolean> {
    const answer = await this.#call("listening", { id });
    return z.object({ listening: z.boolean() }).parse(answer).listening;
  }

  /** Addresses of a name of this network. */
  async ask(name: string): Promise<string[]> {
    const answer = await this.#call("ask", { name });
    return z.object({ addresses: z.array(z.string()) }).parse(answer).addresses;
  }

  async shutdown(): Promise<void> {
    await this.#call("shutdown");
  }

  async #call(call: string, args?: unknown): Promise<unknown> {
    const id = this.#next++;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    try {
      return await withDeadline(`asking the network's process (${call})`, CALL_MS, () => {
        const line = JSON.stringify({ id, call, ...(args !== undefined && { with: args }) });
        if (this.#socket.destroyed) {
          throw new CtrError("unavailable", "cannot reach the network's process: it has ended");
        }
        this.#socket.write(`${line}\n`);
        return waiting.promise;
      });
    } finally {
      this.#waiting.delete(id);
    }
  }

  #take(line: string, onDenied: (denial: Denial) => void): void {
    const message = Message.safeParse(parseJson(line));
    if (!message.success) return this.close();
    if ("event" in message.data) {
      const denial = Denial.safeParse(message.data.with);
      if (message.data.event === "denied" && denial.success) onDenied(denial.data);
      return;
    }
    const { id, result, error } = message.data;
    const waiting = this.#waiting.get(id);
    if (!error) return waiting?.resolve(result);
    waiting?.reject(new CtrError(CODES[error.code] ?? "unavailable", error.message));
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
