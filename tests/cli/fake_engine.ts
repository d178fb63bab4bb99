import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import {
  API_VERSION,
  encodeFrame,
  Frame,
  FrameDecoder,
  type ReceivedFrame,
} from "../../src/api/wire/mod.ts";

type Handler = (request: IncomingMessage, response: ServerResponse, body: unknown) => unknown;
type AttachHandler = (stream: AttachedStream, query: URLSearchParams) => void | Promise<void>;

/** An engine that says what a test wants, on the socket where the CLI looks for one. */
export class FakeEngine implements AsyncDisposable {
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #routes = new Map<string, Handler>();
  readonly #sockets = new Set<Socket>();
  /** `METHOD path`, in order of arrival. */
  readonly calls: string[] = [];
  readonly bodies: unknown[] = [];
  attach: AttachHandler = (stream) => stream.fail("not-found", "there is no such container");

  constructor() {
    this.on("GET /v1/version", () => version());
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
    });
    this.#server.on("upgrade", (request, socket: Socket, head) => {
      this.calls.push(`UPGRADE ${request.url}`);
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: ctr-frames\r\n\r\n");
      const query = new URL(request.url!, "http://ctr").searchParams;
      this.attach(new AttachedStream(socket, head), query);
    });
  }

  static async listen(home: string): Promise<FakeEngine> {
    const engine = new FakeEngine();
    await Deno.mkdir(`${home}/run`, { recursive: true });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    engine.#server.on("error", reject);
    engine.#server.listen(`${home}/run/engine.sock`, resolve);
    await promise;
    return engine;
  }

  /** What is returned is answered as JSON; `undefined` as 204; a handler may also answer itself. */
  on(route: string, handler: Handler): void {
    this.#routes.set(route, handler);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = "" } = request;
    this.calls.push(`${method} ${url}`);
    const handler = this.#routes.get(`${method} ${url}`) ??
      this.#routes.get(`${method} ${url.split("?")[0]}`);
    const type = request.headers["content-type"];
    let body: unknown;
    if (type === "application/json") body = JSON.parse(await text(request));
    this.bodies.push(body);
    if (!handler) return fail(response, 404, "not-found", `the fake has no route ${method} ${url}`);
    try {
      const answer = await handler(request, response, body);
      if (response.headersSent) return;
      if (answer === undefined) response.writeHead(204).end();
      else {
        response.writeHead(200, { "content-type": "application/json" })
          .end(JSON.stringify(answer));
      }
    } catch (error) {
      const { code = "unavailable", message, hint } = error as Error & {
        code?: string;
        hint?: string;
      };
      fail(response, 409, code, message, hint);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }
}

export function version(api = API_VERSION) {
  return { version: "0.0.0", api, pid: 1, startedAt: "2026-01-01T00:00:00Z", home: "/" };
}

/** The engine's side of an attached stream. */
export class AttachedStream {
  readonly #frames: ReceivedFrame[] = [];
  #wake = Promise.withResolvers<void>();
  #ended = false;
  offset = 0n;

  constructor(readonly socket: Socket, head: Uint8Array) {
    const decoder = new FrameDecoder();
    const push = (chunk: Uint8Array) => {
      this.#frames.push(...decoder.push(new Uint8Array(chunk)));
      this.#notify();
    };
    if (head.length > 0) push(head);
    socket.on("data", push);
    const ended = () => {
      this.#ended = true;
      this.#notify();
      socket.end(); // a server of node's keeps its half open otherwise
    };
    socket.on("end", ended).on("close", ended);
  }

  #notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** The next frame of the client; `undefined` once it has gone. */
  async next(): Promise<ReceivedFrame | undefined> {
    while (this.#frames.length === 0 && !this.#ended) await this.#wake.promise;
    return this.#frames.shift();
  }

  /** The next frame of one type, leaving out others. */
  async nextOf(type: number): Promise<ReceivedFrame> {
    for (let frame; (frame = await this.next());) if (frame.type === type) return frame;
    throw new Error(`the client left without a frame of type ${type}`);
  }

  started(extra: object = {}): this {
    return this.#json(Frame.started, { id: "c".repeat(64), notices: [], ...extra });
  }

  stdout(data: string | Uint8Array): this {
    return this.output(Frame.stdout, data);
  }

  stderr(data: string): this {
    return this.output(Frame.stderr, data);
  }

  output(type: number, data: string | Uint8Array, offset = this.offset): this {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const payload = new Uint8Array(8 + bytes.length);
    new DataView(payload.buffer).setBigUint64(0, offset);
    payload.set(bytes, 8);
    this.socket.write(encodeFrame(type, payload));
    this.offset = offset + BigInt(bytes.length);
    return this;
  }

  taken(offset: bigint): this {
    const payload = new Uint8Array(8);
    new DataView(payload.buffer).setBigUint64(0, offset);
    this.socket.write(encodeFrame(Frame.stdinTaken, payload));
    return this;
  }

  exit(status: number, extra: object = {}): void {
    const finishedAt = "2026-01-01T00:00:00Z";
    this.#json(Frame.exit, { status, reason: "exited", finishedAt, ...extra });
    this.socket.end();
  }

  fail(code: string, message: string, hint?: string): void {
    this.#json(Frame.error, { code, message, hint });
    this.socket.end();
  }

  #json(type: number, value: unknown): this {
    this.socket.write(encodeFrame(type, new TextEncoder().encode(JSON.stringify(value))));
    return this;
  }
}

/** Throw it in a handler to have it answered. */
export function refusal(code: string, message: string, hint?: string): Error {
  return Object.assign(new Error(message), { code, hint });
}

function fail(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  hint?: string,
): void {
  response.writeHead(status, { "content-type": "application/json" })
    .end(JSON.stringify({ code, message, hint }));
}

async function text(request: IncomingMessage): Promise<string> {
  const decoder = new TextDecoder();
  let all = "";
  for await (const chunk of request) all += decoder.decode(chunk, { stream: true });
  return all;
}
