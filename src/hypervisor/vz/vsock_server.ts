import { createServer, type Server, Socket } from "node:net";
import { isCtrError } from "../../core/mod.ts";
import { HALF_OPEN, listenUnix } from "./control_server.ts";

/** A guest that listens answers in milliseconds; one attempt after another until it does. */
const ATTEMPT_MS = 5000;
const PAUSE_MS = 20;
/** `CONNECT 4294967295\n`. */
const LONGEST_REQUEST = 32;

/** Opens a stream to a port of the guest: a descriptor, the caller's. */
export type OpenPort = (port: number, deadlineMs: number) => Promise<number>;

/**
 * Carries streams between `vsock.sock` and the guest's ports: who connects says `CONNECT <port>`, reads
 * `OK` as soon as somebody listens there, and then it is the guest. It waits as long as it wants.
 */
export class VsockServer {
  readonly #server: Server;
  readonly #open: OpenPort;
  readonly #streams = new Set<Socket>();
  #closed = false;

  private constructor(server: Server, open: OpenPort) {
    this.#server = server;
    this.#open = open;
    server.on("connection", (socket) => void this.#serve(socket));
  }

  static async listen(path: string, open: OpenPort): Promise<VsockServer> {
    const server = createServer(HALF_OPEN);
    const vsock = new VsockServer(server, open);
    await listenUnix(server, path);
    return vsock;
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#streams) socket.destroy();
  }

  async #serve(socket: Socket): Promise<void> {
    this.#keep(socket);
    const port = await readRequest(socket).catch(() => undefined);
    const fd = port === undefined ? undefined : await this.#reach(socket, port);
    if (fd === undefined) return void socket.destroy();
    const guest = new Socket({ fd, allowHalfOpen: true });
    this.#keep(guest);
    if (socket.destroyed || this.#closed) return void guest.destroy();
    socket.write("OK\n");
    join(socket, guest);
  }

  async #reach(socket: Socket, port: number): Promise<number | undefined> {
    while (!socket.destroyed && !this.#closed) {
      try {
        return await this.#open(port, ATTEMPT_MS);
      } catch (error) {
        if (!isCtrError(error)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return undefined;
  }

  #keep(socket: Socket): void {
    this.#streams.add(socket);
    socket.on("error", () => {}); // "close" follows
    socket.once("close", () => this.#streams.delete(socket));
  }
}

/** Reads one line without its end, and leaves what follows in the socket. */
export async function readLine(socket: Socket, longest: number): Promise<string> {
  let seen = "";
  for (;;) {
    const chunk = socket.read() as Uint8Array | null;
    if (chunk === null) {
      if (socket.destroyed || socket.readableEnded) throw new Error("the stream has ended");
      await readable(socket);
      continue;
    }
    const at = chunk.indexOf(10);
    seen += new TextDecoder("latin1").decode(at < 0 ? chunk : chunk.subarray(0, at));
    if (seen.length > longest) throw new Error("the line is too long");
    if (at < 0) continue;
    if (at + 1 < chunk.length) socket.unshift(chunk.subarray(at + 1));
    return seen;
  }
}

async function readRequest(socket: Socket): Promise<number | undefined> {
  const port = Number(/^CONNECT (\d{1,10})$/.exec(await readLine(socket, LONGEST_REQUEST))?.[1]);
  return port > 0 && port < 2 ** 32 ? port : undefined;
}

function readable(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const settle = () => {
    for (const name of EVENTS) socket.off(name, settle);
    resolve();
  };
  for (const name of EVENTS) socket.on(name, settle);
  return promise;
}

const EVENTS = ["readable", "end", "close"] as const;

/** Copies both ways. An end passes on what it ended with: half closed, closed, or broken. */
function join(a: Socket, b: Socket): void {
  a.pipe(b);
  b.pipe(a);
  for (const [one, other] of [[a, b], [b, a]] as const) {
    one.once("close", () => {
      if (one.readableEnded && !other.destroyed) other.end(() => other.destroy());
      else other.destroy();
    });
  }
}
