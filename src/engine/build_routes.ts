import { type BuildEvent, BuildPruneRequest, BuildRequest, type Events } from "../api/mod.ts";
import type { Builder } from "../build/mod.ts";
import { CtrError } from "../core/mod.ts";
import { parseWith } from "./http_errors.ts";
import { type Call, type Route, route } from "./router.ts";

/** A Dockerfile and its secrets, in one line. */
const LARGEST_LINE = 128 * 1024 * 1024;
const NEWLINE = 0x0a;

/** `/build…`. */
export function buildRoutes(builder: Builder, events?: Events): Route[] {
  const told = (event: BuildEvent) => {
    if (event.kind !== "result") return;
    for (const { digest, familiar } of event.result.images) {
      events?.emit({ type: "image", action: "build", id: digest, name: familiar });
    }
  };
  return [
    route("POST /build", async (call) => {
      const { line, rest } = await firstLine(call);
      const request = parseWith(BuildRequest, parseJson(line));
      const signal = call.gone;
      call.response.writeHead(200, { "content-type": "application/x-ndjson" });
      call.response.flushHeaders();
      await builder.build(request, {
        signal,
        upload: rest,
        // A client that is gone is told by the signal.
        emit: (event: BuildEvent) => {
          told(event);
          return call.write(`${JSON.stringify(event)}\n`).catch(() => {});
        },
      });
      call.response.end();
    }),
    route("GET /build/status", async (call) => call.json(await builder.status())),
    route("POST /build/stop", async (call) => call.json(await builder.stop())),
    route("GET /build/cache", async (call) => {
      call.json(await builder.cache(call.query.getAll("filter")));
    }),
    route("POST /build/prune", async (call) => {
      call.json(await builder.prune(await call.body(BuildPruneRequest)));
    }),
  ];
}

/** The first line of the body, and what is behind it. */
async function firstLine(
  { request }: Call,
): Promise<{ line: string; rest: AsyncIterable<Uint8Array> }> {
  const pieces = (request as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  const head: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for (;;) {
    const next = await pieces.next();
    const piece = next.done ? undefined : next.value;
    const end = piece?.indexOf(NEWLINE) ?? -1;
    if (piece && end < 0) {
      head.push(piece.slice());
      if ((bytes += piece.length) <= LARGEST_LINE) continue;
      throw new CtrError("too-large", `cannot read the request: limit ${LARGEST_LINE} bytes`);
    }
    if (piece) head.push(piece.slice(0, end));
    const line = await new Blob(head).text();
    return { line, rest: following(piece?.subarray(end + 1), pieces) };
  }
}

async function* following(
  first: Uint8Array | undefined,
  pieces: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (first !== undefined && first.length > 0) yield first;
  for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new CtrError("usage", "cannot read the request: it is not JSON", { cause: error });
  }
}
