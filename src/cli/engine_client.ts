import { CtrError, withDeadline } from "../core/mod.ts";
import { engineError, EngineGone } from "./errors.ts";
import { connectSocket, type HttpRequest, type HttpResponse, send } from "./http.ts";

/** How long the engine may take for an answer that needs no VM. */
const ANSWER_MS = 30_000;

export interface CallOptions {
  /** `undefined`: as long as it takes (`wait`, and what starts or stops a VM). */
  readonly deadlineMs?: number | undefined;
}

/** Calls of `/v1`. Answers are not checked here: what reads them parses them. */
export class EngineClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  async get(path: string): Promise<unknown> {
    return await this.#json({ method: "GET", path }, { deadlineMs: ANSWER_MS });
  }

  async post(
    path: string,
    body: unknown = {},
    options: CallOptions = { deadlineMs: ANSWER_MS },
  ): Promise<unknown> {
    return await this.#json({ method: "POST", path, ...json(body) }, options);
  }

  /** Sends an archive; the answer may take as long as it likes. */
  async postArchive(path: string, body: ReadableStream<Uint8Array>): Promise<unknown> {
    const headers = { "content-type": "application/x-tar" };
    return await this.#json({ method: "POST", path, headers, body }, {});
  }

  async delete(path: string): Promise<unknown> {
    return await this.#json({ method: "DELETE", path }, {});
  }

  /** Sends a request and returns its answer, whose body is still to be read. */
  async stream(request: HttpRequest): Promise<HttpResponse> {
    let connection: Deno.Conn;
    try {
      connection = await connectSocket(this.#socket);
    } catch (error) {
      throw gone(error);
    }
    try {
      const path = `/v1${request.path}`;
      const response = await send(connection, { ...request, path });
      if (response.status >= 400) throw engineError(await errorBody(response));
      return response;
    } catch (error) {
      connection.close();
      throw isLost(error) ? gone(error) : error;
    }
  }

  async postStream(path: string, body: unknown): Promise<HttpResponse> {
    return await this.stream({ method: "POST", path, ...json(body) });
  }

  /** Opens a stream of frames. The caller closes the connection. */
  async upgrade(path: string): Promise<HttpResponse> {
    const response = await this.stream({
      method: "GET",
      path,
      headers: { connection: "Upgrade", upgrade: "ctr-frames" },
    });
    if (response.status === 101) return response;
    response.connection.close();
    throw new CtrError("unavailable", `cannot attach: the engine answered ${response.status}`);
  }

  async #json(request: HttpRequest, options: CallOptions): Promise<unknown> {
    const work = async () => {
      const response = await this.stream(request);
      try {
        const text = await readText(response.body);
        return text === "" ? undefined : JSON.parse(text);
      } catch (error) {
        throw isLost(error) ? gone(error) : error;
      } finally {
        response.connection.close();
      }
    };
    return options.deadlineMs === undefined
      ? await work()
      : await withDeadline("waiting for the engine", options.deadlineMs, work);
  }
}

function json(body: unknown): Pick<HttpRequest, "headers" | "body"> {
  return {
    headers: { "content-type": "application/json" },
    body: new TextEncoder().encode(JSON.stringify(body)),
  };
}

export async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

async function errorBody(response: HttpResponse): Promise<Record<string, unknown>> {
  const text = await readText(response.body);
  try {
    const body = JSON.parse(text);
    if (typeof body === "object" && body !== null) return body;
  } catch { /* not ours: told below */ }
  return { code: "unavailable", message: `the engine answered ${response.status}: ${text.trim()}` };
}

/** True for what a connection throws when its other end dies. */
export function isLost(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.UnexpectedEof || error instanceof Deno.errors.NotConnected;
}

function gone(cause: unknown): CtrError {
  return new EngineGone("the engine has ended", cause);
}
