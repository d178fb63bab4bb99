import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Containers } from "../container/mod.ts";
import { ENGINE_SOCKET } from "../api/mod.ts";
import { CtrError, isCtrError, type Log } from "../core/mod.ts";
import { shortSocketPath } from "../host/mod.ts";
import { closeOnExec } from "../host/mod.ts";
import { readAttach, serveAttach } from "./attach.ts";
import { errorBody, httpStatus } from "./http_errors.ts";
import type { Idle } from "./idle.ts";
import { Call, findRoute, type Route } from "./router.ts";

const ATTACH = /^\/v1\/containers\/([^/]+)\/attach$/;

export interface ServerParts {
  readonly home: string;
  readonly routes: readonly Route[];
  readonly containers: Containers;
  readonly idle: Pick<Idle, "enter" | "leave">;
  readonly log: Log;
}

/** Listens on the engine's socket. The caller holds the engine's lock, so what is there is stale. */
export async function listen(parts: ServerParts): Promise<Server> {
  const server = createServer((request, response) => {
    answer(parts, request, response);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Uint8Array) => {
    upgrade(parts, request, socket, head);
  });
  server.requestTimeout = 0; // an archive that is loaded takes as long as it takes
  server.keepAliveTimeout = 30_000;
  const path = join(parts.home, ENGINE_SOCKET);
  await Deno.remove(path).catch(() => {});
  using short = shortSocketPath(path);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ path: short.path }, resolve);
  await promise;
  closeOnExec(server);
  await Deno.chmod(path, 0o600);
  return server;
}

async function answer(
  { routes, idle, log }: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  idle.enter();
  response.once("close", () => idle.leave());
  const url = new URL(request.url ?? "/", "http://engine");
  try {
    const { route, params } = findRoute(routes, request.method ?? "GET", url.pathname);
    await route.handle(new Call(request, response, url.searchParams, params));
  } catch (error) {
    if (!isCtrError(error)) log.error(url.pathname, { error: (error as Error).stack ?? error });
    fail(response, error);
  }
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = new TextEncoder().encode(JSON.stringify(errorBody(error)));
  response.writeHead(httpStatus(error), {
    "content-type": "application/json",
    "content-length": body.length,
    "connection": "close", // the rest of a body that was refused is not read
  });
  response.end(body);
}

async function upgrade(
  { containers, idle, log }: ServerParts,
  request: IncomingMessage,
  socket: Socket,
  head: Uint8Array,
): Promise<void> {
  const beganAt = performance.timeOrigin + performance.now();
  idle.enter();
  socket.once("close", () => idle.leave());
  const url = new URL(request.url ?? "/", "http://engine");
  try {
    const match = ATTACH.exec(url.pathname);
    if (!match || request.headers.upgrade !== "ctr-frames") {
      throw new CtrError("usage", `cannot upgrade "${url.pathname}": only attach to ctr-frames`);
    }
    const wanted = readAttach(url.searchParams, beganAt);
    const container = containers.get(decodeURIComponent(match[1]!));
    await serveAttach(container, wanted, socket, head, log);
  } catch (error) {
    socket.on("error", () => {});
    const body = JSON.stringify(errorBody(error));
    socket.end(
      `HTTP/1.1 ${httpStatus(error)} Error\r\nContent-Type: application/json\r\n` +
        `Connection: close\r\nContent-Length: ${
          new TextEncoder().encode(body).length
        }\r\n\r\n${body}`,
    );
  }
}
