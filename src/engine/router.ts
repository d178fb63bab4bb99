import type { IncomingMessage, ServerResponse } from "node:http";
import type { z } from "zod";
import { CtrError } from "../core/mod.ts";
import { parseWith } from "./http_errors.ts";

/** No request that is JSON needs more. */
const LARGEST_BODY = 4 * 1024 * 1024;

/** One request, with what its path says. */
export class Call {
  /** When it came, Unix milliseconds. */
  readonly beganAt = performance.timeOrigin + performance.now();

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    readonly query: URLSearchParams,
    readonly params: readonly string[],
  ) {}

  /** The reference in the path. */
  get ref(): string {
    return this.params[0]!;
  }

  flag(name: string): boolean {
    return ["1", "true"].includes(this.query.get(name) ?? "");
  }

  /** @throws {CtrError} `usage` if it is not what `schema` wants, `too-large`. */
  async body<T extends z.ZodType>(schema: T): Promise<z.output<T>> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of this.request) {
      size += part.length;
      if (size > LARGEST_BODY) {
        throw new CtrError("too-large", `cannot read the request: limit ${LARGEST_BODY} bytes`);
      }
      parts.push(part);
    }
    const text = new TextDecoder().decode(
      await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer(),
    );
    return parseWith(schema, text === "" ? {} : parseJson(text));
  }

  json(value: unknown, status = 200): void {
    const body = new TextEncoder().encode(JSON.stringify(value));
    this.response.writeHead(status, {
      "content-type": "application/json",
      "content-length": body.length,
    });
    this.response.end(body);
  }

  nothing(): void {
    this.response.writeHead(204);
    this.response.end();
  }

  /** Aborts when the client goes away before its answer is complete. */
  get gone(): AbortSignal {
    const controller = new AbortController();
    this.response.once("close", () => {
      if (!this.response.writableEnded) {
        controller.abort(new CtrError("cancelled", "the client has gone away"));
      }
    });
    return controller.signal;
  }

  /** Writes a piece of a long answer, at the client's pace. */
  async write(bytes: Uint8Array | string): Promise<void> {
    if (this.response.destroyed) throw new CtrError("cancelled", "the client has gone away");
    if (this.response.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.response.off("drain", done).off("close", done);
        resolve();
      };
      this.response.on("drain", done).on("close", done);
    });
  }
}

export type Handler = (call: Call) => Promise<void> | void;

export interface Route {
  readonly method: string;
  readonly path: RegExp;
  readonly handle: Handler;
}

/** `route("POST /containers/:ref/start", …)`, below `/v1`. A parameter is one path segment. */
export function route(line: string, handle: Handler): Route {
  const [method, path] = line.split(" ") as [string, string];
  const pattern = path.replace(/:\w+/g, "([^/]+)");
  return { method, path: new RegExp(`^/v1${pattern}$`), handle };
}

/** @throws {CtrError} `not-found` if there is no such route. */
export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { readonly route: Route; readonly params: string[] } {
  for (const each of routes) {
    const match = each.method === method ? each.path.exec(path) : null;
    if (match) return { route: each, params: match.slice(1).map(decodeSegment) };
  }
  throw new CtrError("not-found", `cannot answer "${method} ${path}": there is no such route`);
}

function decodeSegment(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new CtrError("usage", `cannot read the path: "${text}" is not encoded well`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CtrError("usage", "cannot read the request: it is not JSON", { cause: error });
  }
}
