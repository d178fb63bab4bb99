import { CtrError } from "../core/mod.ts";
import { shortSocketPath } from "../host/mod.ts";
import { EngineGone } from "./errors.ts";

/**
 * HTTP/1.1 over a unix socket, one request per connection. `fetch` cannot upgrade and `node:http`
 * costs 15 ms to load, which is a sixth of what a whole `ctr exec` may take.
 */
export interface HttpRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** To be read once. After an upgrade (101): what came behind the head, then nothing. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Bytes that were received behind the head already; for upgraded connections. */
  readonly rest: Uint8Array;
  /** Headers behind a chunked body; complete when it was read. */
  readonly trailers?: ReadonlyMap<string, string>;
  readonly connection: Deno.Conn;
}

const MAX_HEAD = 64 * 1024;
const READ = 256 * 1024;

export async function connectSocket(path: string): Promise<Deno.Conn> {
  using short = shortSocketPath(path);
  return await Deno.connect({ transport: "unix", path: short.path });
}

/** Sends a request and returns as soon as the answer's head is there. */
export async function send(connection: Deno.Conn, request: HttpRequest): Promise<HttpResponse> {
  const { body } = request;
  const streamed = body !== undefined && !(body instanceof Uint8Array);
  const headers: Record<string, string> = { host: "ctr", connection: "close", ...request.headers };
  if (streamed) headers["transfer-encoding"] = "chunked";
  else if (body || request.method === "POST") headers["content-length"] = `${body?.length ?? 0}`;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = encode(`${request.method} ${request.path} HTTP/1.1\r\n${lines}\r\n`);
  // An engine that refuses a request answers, and hangs up, before it has read all of it.
  const sent = (streamed ? sendStreamed(connection, head, body) : sendWhole(connection, head, body))
    .then(() => undefined, (error: unknown) => error);
  if (!streamed) await sent;
  try {
    return await receiveHead(connection, new Reader(connection));
  } catch (error) {
    throw await sent ?? error;
  }
}

/** In one piece: an answer to the head alone must not find the body unsent. */
async function sendWhole(
  connection: Deno.Conn,
  head: Uint8Array,
  body: Uint8Array = new Uint8Array(0),
): Promise<void> {
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  await writeAll(connection, bytes);
}

async function sendStreamed(
  connection: Deno.Conn,
  head: Uint8Array,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  await writeAll(connection, head);
  await sendChunks(connection, body);
}

async function sendChunks(connection: Deno.Conn, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of body) {
    if (chunk.length === 0) continue;
    await writeAll(connection, encode(`${chunk.length.toString(16)}\r\n`));
    await writeAll(connection, chunk);
    await writeAll(connection, encode("\r\n"));
  }
  await writeAll(connection, encode("0\r\n\r\n"));
}

export async function writeAll(to: Pick<Deno.Conn, "write">, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function receiveHead(connection: Deno.Conn, reader: Reader): Promise<HttpResponse> {
  const [first = "", ...lines] = (await reader.until("\r\n\r\n")).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
  if (!status) throw new CtrError("bad-data", `read the engine's answer: "${first}" is not HTTP`);
  const headers = new Map(lines.map(parseHeader));
  const trailers = new Map<string, string>();
  const body = status === 101 || status === 204 ? empty() : readBody(reader, headers, trailers);
  return { status, headers, body, trailers, rest: reader.buffered(), connection };
}

function parseHeader(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

async function* empty(): AsyncIterable<Uint8Array> {}

async function* readBody(
  reader: Reader,
  headers: ReadonlyMap<string, string>,
  trailers: Map<string, string>,
): AsyncIterable<Uint8Array> {
  const length = headers.get("content-length");
  if (headers.get("transfer-encoding")?.toLowerCase() === "chunked") {
    for (;;) {
      const size = Number.parseInt(await reader.until("\r\n"), 16);
      if (!(size >= 0)) throw new CtrError("bad-data", "read the engine's answer: a bad chunk");
      if (size === 0) break;
      yield* reader.exactly(size);
      await reader.until("\r\n");
    }
    for (let line; (line = await reader.until("\r\n")) !== "";) trailers.set(...parseHeader(line));
  } else if (length !== undefined) {
    yield* reader.exactly(Number(length));
  } else {
    for (let piece; (piece = await reader.some()) !== null;) yield piece;
  }
}

/** Reads ahead and gives out lines and counted pieces. */
class Reader {
  #connection: Deno.Conn;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  buffered(): Uint8Array {
    return this.#buffer;
  }

  /** What is there, or what comes next; null at the end. */
  async some(limit = Infinity): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.#buffer.length === 0) {
      const chunk = new Uint8Array(READ);
      const count = await this.#connection.read(chunk);
      if (count === null) return null;
      this.#buffer = chunk.subarray(0, count);
    }
    const piece = this.#buffer.subarray(0, limit);
    this.#buffer = this.#buffer.subarray(piece.length);
    return piece;
  }

  async *exactly(size: number): AsyncIterable<Uint8Array> {
    for (let left = size; left > 0;) {
      const piece = await this.some(left);
      if (piece === null) throw cutShort();
      left -= piece.length;
      yield piece;
    }
  }

  /** Text up to a mark, which is taken and not returned. */
  async until(mark: string): Promise<string> {
    let text = "";
    for (;;) {
      const piece = await this.some(1024);
      if (piece === null) throw cutShort();
      text += String.fromCharCode(...piece);
      const end = text.indexOf(mark);
      if (end >= 0) {
        const beyond = text.length - end - mark.length;
        // The piece was cut off the buffer's front, so what lies behind the mark is one run of bytes.
        this.#buffer = new Uint8Array(
          piece.buffer,
          piece.byteOffset + piece.length - beyond,
          beyond + this.#buffer.length,
        );
        return text.slice(0, end);
      }
      if (text.length > MAX_HEAD) {
        throw new CtrError("bad-data", "read the engine's answer: no end");
      }
    }
  }
}

/** The engine went away in the middle of an answer. */
function cutShort(): CtrError {
  return new EngineGone("read the engine's answer: the engine has ended");
}
