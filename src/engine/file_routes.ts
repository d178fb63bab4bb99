import { CommitRequest } from "../api/mod.ts";
import { commitContainer, type Containers } from "../container/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { Images } from "../image/mod.ts";
import { errorBody } from "./http_errors.ts";
import { type Call, type Route, route } from "./router.ts";

/** What a path is, on the answer that has its archive: JSON in base64, as Docker's header of that kind. */
const PATH_STAT = "x-ctr-path-stat";
/** Behind an archive that broke off, where the client said that it reads trailers. */
const ERROR_TRAILER = "x-ctr-error";

/** `/containers/:ref/…` that is about files. */
export function fileRoutes(containers: Containers, images: Images): Route[] {
  const of = (call: Call) => containers.get(call.ref);
  return [
    route("GET /containers/:ref/stat", async (call) => {
      call.json(await of(call).files.stat(pathOf(call)));
    }),
    route("GET /containers/:ref/archive", async (call) => {
      const { files } = of(call);
      const spec = {
        path: pathOf(call),
        name: call.query.get("name") ?? "",
        followLink: call.flag("followLink"),
        contentOnly: call.flag("contentOnly"),
      };
      await sendArchive(call, "application/x-tar", async (begin) => {
        await files.copyOut(
          spec,
          (stat) => begin({ [PATH_STAT]: btoa(encodeURIComponent(JSON.stringify(stat))) }),
          (bytes) => call.write(bytes),
          call.gone,
        );
      });
    }),
    route("PUT /containers/:ref/archive", async (call) => {
      const spec = {
        path: pathOf(call),
        makeFolders: call.flag("makeFolders"),
        archiveOwners: call.flag("archiveOwners"),
        noOverwriteFolderWithFile: call.flag("noOverwriteDirNonDir"),
      };
      await of(call).files.copyIn(spec, call.request as AsyncIterable<Uint8Array>, call.gone);
      call.nothing();
    }),
    route("GET /containers/:ref/export", async (call) => {
      await sendBytes(call, "application/x-tar", of(call).files.export());
    }),
    route("GET /containers/:ref/changes", async (call) => {
      await sendBytes(call, "application/x-ndjson", of(call).files.changes());
    }),
    route("POST /containers/:ref/commit", async (call) => {
      const request = await call.body(CommitRequest);
      call.json(await commitContainer(of(call), images, request), 201);
    }),
  ];
}

function pathOf(call: Call): string {
  const path = call.query.get("path") ?? "";
  if (path.startsWith("/") && !path.includes("\0")) return path;
  throw new CtrError("usage", `cannot use the path "${path}": want an absolute one`);
}

/** The first piece is waited for: what cannot be sent at all is told with a status. */
export async function sendBytes(
  call: Call,
  type: string,
  bytes: AsyncGenerator<Uint8Array, void>,
): Promise<void> {
  await sendArchive(call, type, async (begin) => {
    const { gone } = call;
    try {
      for (let piece = await bytes.next(); !piece.done; piece = await bytes.next()) {
        begin({});
        gone.throwIfAborted();
        await call.write(piece.value.slice()); // the response keeps it for a while, its maker does not
      }
      begin({});
    } finally {
      await bytes.return();
    }
  });
}

/** @param work Calls `begin`, as often as it likes, before it writes. */
async function sendArchive(
  call: Call,
  type: string,
  work: (begin: (headers: Record<string, string>) => void) => Promise<void>,
): Promise<void> {
  const { request, response } = call;
  const trailers = request.headers.te === "trailers";
  const begin = (headers: Record<string, string>) => {
    if (response.headersSent) return;
    response.writeHead(200, {
      "content-type": type,
      ...(trailers && { trailer: ERROR_TRAILER }),
      ...headers,
    });
    response.flushHeaders();
  };
  try {
    await work(begin);
    response.end();
  } catch (error) {
    if (!response.headersSent) throw error;
    if (!trailers) return void response.destroy(); // a whole answer would be taken for a whole archive
    response.addTrailers({
      [ERROR_TRAILER]: encodeURIComponent(JSON.stringify(errorBody(error))),
    });
    response.end();
  }
}
