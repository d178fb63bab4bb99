import { request as httpsRequest, type RequestOptions } from "node:https";
import { Readable } from "node:stream";
import type { Trust } from "./trust.ts";

/**
 * `fetch` that believes whoever answers: Deno's own cannot leave a certificate unchecked for one
 * host. It follows no redirect, and takes no proxy.
 */
export function unverifiedFetch(trust: Pick<Trust, "client">) {
  return (input: string, init: RequestInit): Promise<Response> => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const options: RequestOptions = {
      method: init.method ?? "GET",
      headers: Object.fromEntries(new Headers(init.headers)),
      rejectUnauthorized: false,
      ...(init.signal && { signal: init.signal }),
      ...trust.client,
    };
    const request = httpsRequest(input, options, (answer) => {
      const headers = new Headers();
      for (let at = 0; at + 1 < answer.rawHeaders.length; at += 2) {
        headers.append(answer.rawHeaders[at]!, answer.rawHeaders[at + 1]!);
      }
      const status = answer.statusCode ?? 502;
      const empty = init.method === "HEAD" || status === 204 || status === 304;
      if (empty) answer.resume();
      const body = empty ? null : Readable.toWeb(answer) as ReadableStream<Uint8Array>;
      resolve(new Response(body as BodyInit | null, { status, headers }));
    });
    request.on("error", reject);
    send(init.body, request).catch((error) => request.destroy(error));
    return promise;
  };
}

async function send(
  body: RequestInit["body"],
  request: ReturnType<typeof httpsRequest>,
): Promise<void> {
  if (body instanceof ReadableStream) {
    for await (const piece of body) {
      if (!request.write(piece)) {
        await new Promise((resolve) => request.once("drain", resolve).once("close", resolve));
      }
    }
    request.end();
  } else if (body === undefined || body === null) request.end();
  else request.end(body as string | Uint8Array);
}
