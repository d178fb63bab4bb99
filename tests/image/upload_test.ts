// What a hostile or broken registry answers to an upload.
import assert from "node:assert/strict";
import fc from "fast-check";
import { CtrError } from "../../src/core/mod.ts";
import { digestOf, parseReference } from "../../src/oci/mod.ts";
import { openRegistry } from "../../src/registry/mod.ts";
import { QUICK } from "./support/home.ts";
import { noise } from "./support/samples.ts";

const BYTES = noise("upload", 3 * 1024 * 1024);
const BLOB = { digest: digestOf(BYTES), size: BYTES.length };
const SECRET = `Basic ${btoa("ann:secret")}`;

type Answer = (request: Request, body: Uint8Array) => Response | Promise<Response>;

class Server implements AsyncDisposable {
  readonly asked: { readonly line: string; readonly authorization: string | null }[] = [];
  #abort = new AbortController();
  #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(answer: Answer) {
    this.#server = Deno.serve({
      port: 0,
      hostname: "127.0.0.1",
      signal: this.#abort.signal,
      onListen: () => {},
    }, async (request) => {
      const { pathname, search } = new URL(request.url);
      const authorization = request.headers.get("authorization");
      this.asked.push({ line: `${request.method} ${pathname}${search}`, authorization });
      const body = new Uint8Array(await request.arrayBuffer());
      return await answer(request, body);
    });
  }

  get host(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#server.finished;
  }
}

function accepted(location: string, range?: string): Response {
  return new Response(null, { status: 202, headers: { location, ...(range && { range }) } });
}

async function upload(host: string, options: { mountFrom?: string } = {}) {
  const find = () =>
    Promise.resolve({ kind: "basic", username: "ann", password: "secret" } as const);
  const registry = openRegistry({
    credentials: [{ name: "test", find }],
    deadlines: QUICK,
    attempts: 2,
  });
  const read = async function* (offset: number, length: number) {
    yield await Promise.resolve(BYTES.slice(offset, offset + length));
  };
  return await registry.upload(parseReference(`${host}/app`), BLOB, { read }, options);
}

const challenge = (request: Request) =>
  request.headers.get("authorization") === SECRET ? undefined : new Response(null, {
    status: 401,
    headers: { "www-authenticate": 'Basic realm="here"' },
  });

Deno.test("an upload that is sent to another host takes no credentials along", async () => {
  await using storage = new Server((request) =>
    request.method === "PUT"
      ? new Response(null, { status: 201 })
      : accepted("/put-here", `0-${BLOB.size - 1}`)
  );
  await using registry = new Server((request) =>
    challenge(request) ?? accepted(`http://${storage.host}/upload`)
  );
  assert.equal(await upload(registry.host), "uploaded");
  assert.deepEqual(storage.asked.map(({ line }) => line), [
    "PATCH /upload",
    `PUT /put-here?digest=${encodeURIComponent(BLOB.digest)}`,
  ]);
  assert.ok(storage.asked.every(({ authorization }) => authorization === null));
  assert.ok(registry.asked.some(({ authorization }) => authorization === SECRET));
});

const REFUSED: readonly [name: string, code: string, fact: RegExp, answer: Answer][] = [
  [
    "an address that is not one",
    "bad-data",
    /sends the upload to an unsafe address$/,
    () => accepted("file:///etc/passwd"),
  ],
  [
    "no address",
    "bad-data",
    /does not say where to upload$/,
    () => new Response(null, { status: 202 }),
  ],
  [
    "redirects without an end",
    "unavailable",
    /redirects without an end$/,
    (request) => new Response(null, { status: 307, headers: { location: request.url } }),
  ],
  [
    "more bytes than were sent",
    "bad-data",
    /says that it has 99999999 bytes of a blob of which it was sent 3145728$/,
    (request) => accepted("/u", request.method === "PATCH" ? "0-99999998" : undefined),
  ],
  [
    "no byte of what was sent",
    "unavailable",
    /keeps nothing of what it is sent$|does not take up the upload where it was$/,
    (request) =>
      accepted("/u", request.method === "PATCH" ? "0--1" : "0-0").headers.get("range")
        ? request.method === "PATCH" ? new Response(null, { status: 416 }) : accepted("/u")
        : accepted("/u"),
  ],
  [
    "another digest",
    "bad-data",
    /got blob sha256:\w+ with another digest$/,
    (request) =>
      request.method === "PUT"
        ? Response.json({ errors: [{ code: "DIGEST_INVALID" }] }, { status: 400 })
        : accepted("/u"),
  ],
  [
    "an upload that it forgets again and again",
    "unavailable",
    /does not accept blob sha256:\w+ \(HTTP 400\)$/,
    (request) => request.method === "PUT" ? new Response("", { status: 400 }) : accepted("/u"),
  ],
  [
    "no room for any body",
    "too-large",
    /refuses a body of this size$/,
    (request) => request.method === "PATCH" ? new Response("", { status: 413 }) : accepted("/u"),
  ],
];

Deno.test("upload() says in one sentence what a registry did wrong, and ends", async (t) => {
  for (const [name, code, fact, answer] of REFUSED) {
    await t.step(name, async () => {
      await using registry = new Server(answer);
      await assert.rejects(upload(registry.host), (error) => {
        assert.ok(error instanceof CtrError, `${error}`);
        assert.equal(error.code, code);
        assert.match(error.message.replaceAll(registry.host, "HOST"), fact);
        return true;
      });
      assert.ok(registry.asked.length < 40);
    });
  }
});

Deno.test("a registry that takes part of what is sent gets the rest", async () => {
  const stored: Uint8Array[] = [];
  let size = 0;
  await using registry = new Server((request, body) => {
    if (request.method === "POST") return accepted("/u");
    if (request.method === "PUT") return new Response(null, { status: 201 });
    const kept = body.subarray(0, 1_000_000);
    stored.push(kept);
    size += kept.length;
    return accepted("/u", `0-${size - 1}`);
  });
  await upload(registry.host);
  assert.equal(
    digestOf(new Uint8Array(await new Blob(stored as BlobPart[]).arrayBuffer())),
    BLOB.digest,
  );
});

Deno.test("a mount that is not allowed becomes an upload", async () => {
  await using registry = new Server((request) => {
    if (new URL(request.url).searchParams.has("mount")) return new Response("", { status: 403 });
    return request.method === "PUT" ? new Response(null, { status: 201 }) : accepted("/u");
  });
  assert.equal(await upload(registry.host, { mountFrom: "other/app" }), "uploaded");
});

Deno.test("whatever a registry answers to an upload, it ends in an error of ours or in success", async () => {
  const status = fc.constantFrom(200, 201, 202, 204, 301, 307, 308, 400, 404, 413, 416, 500);
  const header = fc.oneof(
    fc.constantFrom("/u", "", "//", "http://", "0-0", "0-5", "bytes=0-9999999999"),
    fc.string({ unit: "grapheme-ascii", maxLength: 12 }),
  );
  const answers = fc.array(fc.record({ status, location: header, range: header }), {
    minLength: 1,
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(answers, async (all) => {
      let at = 0;
      await using registry = new Server(() => {
        const { status, location, range } = all[at++ % all.length]!;
        return new Response(null, { status, headers: { location, range } });
      });
      try {
        await upload(registry.host);
      } catch (error) {
        assert.ok(error instanceof CtrError, `${error}`);
      }
    }),
    { numRuns: 30 },
  );
});
