import { createServer, type Server, type Socket } from "node:net";
import { CtrError, isCtrError } from "../../core/mod.ts";
import { closeOnExec, shortSocketPath } from "../../host/mod.ts";
import type { VmExit } from "../hypervisor.ts";
import { readJsonLines } from "../json_lines.ts";
import { Call, type Failure, LONGEST_LINE, type Message, PROTOCOL } from "./protocol.ts";

/** What is written to an engine that goes away; the system takes it at once or never. */
const LAST_WORDS_MS = 2000;

/** The monitor's end of `vm.sock`. */
export class ControlServer {
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  readonly #handle: (call: Call) => Promise<unknown>;
  #greeting: Message | undefined;

  private constructor(server: Server, handle: (call: Call) => Promise<unknown>) {
    this.#server = server;
    this.#handle = handle;
    server.on("connection", (socket) => this.#serve(socket));
  }

  static async listen(
    path: string,
    handle: (call: Call) => Promise<unknown>,
  ): Promise<ControlServer> {
    const server = createServer(HALF_OPEN);
    const control = new ControlServer(server, handle); // who connects at once must find a listener
    await listenUnix(server, path);
    return control;
  }

  /** The VM runs: who is connected is told, and who connects. */
  ready(): void {
    this.#greet({ hello: { protocol: PROTOCOL, pid: Deno.pid } });
  }

  /** The VM does not run. Resolves when everybody knows. */
  async failed(error: unknown): Promise<void> {
    this.#greet({ failed: asFailure(error) });
    await this.#close();
  }

  /** The VM has ended. Resolves when everybody knows. */
  async ended(exit: VmExit): Promise<void> {
    for (const client of this.#clients) send(client, { ended: exit });
    await this.#close();
  }

  #greet(message: Message): void {
    this.#greeting = message;
    for (const client of this.#clients) send(client, message);
  }

  async #close(): Promise<void> {
    this.#server.close();
    await Promise.all([...this.#clients].map((client) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(() => client.destroy(), LAST_WORDS_MS);
      client.once("close", () => (clearTimeout(timer), resolve()));
      client.end();
      return promise;
    }));
  }

  #serve(socket: Socket): void {
    this.#clients.add(socket);
    socket.on("error", () => {}); // "close" follows
    socket.on("end", () => socket.destroy());
    socket.once("close", () => this.#clients.delete(socket));
    if (this.#greeting) send(socket, this.#greeting);
    readJsonLines(socket, {
      longest: LONGEST_LINE,
      parse: (value) => Call.safeParse(value).data,
      take: (call) => void this.#answer(socket, call),
    });
  }

  async #answer(socket: Socket, call: Call): Promise<void> {
    const { id } = call;
    try {
      send(socket, { id, result: await this.#handle(call) ?? null });
    } catch (error) {
      send(socket, { id, error: asFailure(error) });
    }
  }
}

/** For streams, whose ends pass on. */
export const HALF_OPEN = { allowHalfOpen: true } as const;

/**
 * Lets a server listen at a path of any length; what we start does not inherit it.
 *
 * @param server With its listener for connections: one may come before this resolves.
 */
export async function listenUnix(server: Server, path: string): Promise<void> {
  using short = shortSocketPath(path);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(short.path, resolve);
  await promise;
  closeOnExec(server);
  await Deno.chmod(path, 0o600);
}

function send(socket: Socket, message: Message): void {
  if (!socket.destroyed && socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

function asFailure(error: unknown): Failure {
  const known = isCtrError(error)
    ? error
    : new CtrError("unavailable", `cannot run the VM: ${(error as Error).message}`);
  const { code, message, hint } = known;
  return { code, message, ...(hint !== undefined && { hint }) };
}
