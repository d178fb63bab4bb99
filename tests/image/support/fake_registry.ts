import { digestOf, isDigest } from "../../../src/oci/mod.ts";
import type { SampleImage } from "./samples.ts";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
}

/** Takes a request over, or lets it pass with undefined. */
export type Fault = (
  request: Asked,
  normal: () => Response,
) => Response | Promise<Response> | undefined;

/** A registry in this process that can be told to misbehave. */
export class FakeRegistry implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly faults: Fault[] = [];
  /** Expected `Authorization`, if any; what refuses sends `challenge`. */
  authorization: string | undefined;
  challenge = "";
  ranges = true;
  #images = new Map<string, SampleImage>();
  #server: Deno.HttpServer<Deno.NetAddr>;
  #abort = new AbortController();

  /** @param tls PEM, for HTTPS. */
  constructor(tls?: { readonly cert: string; readonly key: string }) {
    this.#server = Deno.serve({
      ...tls,
      hostname: "127.0.0.1",
      port: 0,
      signal: this.#abort.signal,
      onListen: () => {},
      onError: () => new Response("fault", { status: 500 }),
    }, (request) => this.#handle(request));
  }

  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  /** @returns The reference to pull it by. */
  add(name: string, image: SampleImage): string {
    this.#images.set(name, image);
    return `${this.host}/${name}`;
  }

  /** Fetches of blobs that were answered. */
  blobsAsked(): string[] {
    return this.asked.filter(({ method, path }) => method === "GET" && path.includes("/blobs/"))
      .map(({ path }) => path.split("/").at(-1)!);
  }

  async #handle(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const asked = { method: request.method, path: pathname, headers: request.headers };
    this.asked.push(asked);
    const normal = () => this.#answer(asked);
    for (const fault of this.faults) {
      const answer = await fault(asked, normal);
      if (answer) return answer;
    }
    return normal();
  }

  #answer({ method, path, headers }: Asked): Response {
    if (this.authorization && headers.get("authorization") !== this.authorization) {
      return error(401, "UNAUTHORIZED", { "www-authenticate": this.challenge });
    }
    if (path === "/v2/") return new Response("{}");
    const match = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(path);
    if (!match) return error(404, "UNSUPPORTED");
    const [, repository, kind, name] = match;
    const tags = [...this.#images.keys()].filter((key) => key.startsWith(`${repository}:`));
    if (tags.length === 0) return error(404, "NAME_UNKNOWN");
    if (kind === "tags") {
      return Response.json({ name: repository, tags: tags.map((tag) => tag.split(":")[1]) });
    }
    const images = tags.map((tag) => this.#images.get(tag)!);
    if (kind === "manifests" && !isDigest(name!)) {
      const image = this.#images.get(`${repository}:${name}`);
      if (!image) return error(404, "MANIFEST_UNKNOWN");
      return this.#send(
        image.blobs.get(image.target.digest)!,
        image.target.mediaType,
        method,
        headers,
      );
    }
    for (const { blobs, manifests, target } of images) {
      const bytes = blobs.get(name as `sha256:${string}`);
      if (!bytes) continue;
      const type = [target, ...manifests].find(({ digest }) => digest === name)?.mediaType;
      return this.#send(bytes, type ?? "application/octet-stream", method, headers);
    }
    return error(404, kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN");
  }

  #send(bytes: Uint8Array, type: string, method: string, request: Headers): Response {
    const headers = new Headers({
      "content-type": type,
      "docker-content-digest": digestOf(bytes),
      "content-length": String(bytes.length),
    });
    if (method === "HEAD") return new Response(null, { headers });
    const from = /^bytes=(\d+)-$/.exec(request.get("range") ?? "")?.[1];
    if (from === undefined || !this.ranges) return new Response(bytes as BodyInit, { headers });
    const part = bytes.subarray(Number(from));
    headers.set("content-length", String(part.length));
    headers.set("content-range", `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
    return new Response(part as BodyInit, { status: 206, headers });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#server.finished;
  }
}

export function error(
  status: number,
  code: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ errors: [{ code, message: code }] }, { status, headers });
}

/** Answers the first `times` requests that match with `answer`. */
export function atFirst(
  times: number,
  match: (asked: Asked) => boolean,
  answer: (asked: Asked, normal: () => Response) => Response | Promise<Response>,
): Fault {
  let left = times;
  return (asked, normal) => match(asked) && left-- > 0 ? answer(asked, normal) : undefined;
}

export const isBlob = ({ method, path }: Asked): boolean =>
  method === "GET" && path.includes("/blobs/");
export const isManifest = ({ path }: Asked): boolean => path.includes("/manifests/");

/** The first `bytes` of the normal answer, then the connection ends as if all were well. */
export function cutAfter(bytes: number, normal: Response): Response {
  let left = bytes;
  const body = normal.body!.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        controller.enqueue(chunk.subarray(0, left));
        left -= Math.min(left, chunk.length);
        if (left === 0) controller.error(new Error("cut"));
      },
    }),
  );
  return new Response(body, { status: normal.status, headers: normal.headers });
}
