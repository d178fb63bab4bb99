// What a registry says is attached to a manifest.
import assert from "node:assert/strict";
import { digestOf, MEDIA_TYPE, parseReference } from "../../src/oci/mod.ts";
import { openRegistry } from "../../src/registry/mod.ts";
import { QUICK } from "./support/home.ts";

const SUBJECT = digestOf("subject");

function index(...names: string[]): Response {
  const manifests = names.map((name) => ({
    mediaType: MEDIA_TYPE.manifest,
    digest: digestOf(name),
    size: 10,
    artifactType: "application/spdx+json",
  }));
  return Response.json({ schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests });
}

async function asked(answer: (url: URL) => Response) {
  const abort = new AbortController();
  const server = Deno.serve({
    port: 0,
    hostname: "127.0.0.1",
    signal: abort.signal,
    onListen: () => {},
  }, (request) => answer(new URL(request.url)));
  try {
    const registry = openRegistry({ credentials: [], deadlines: QUICK, attempts: 2 });
    const reference = parseReference(`127.0.0.1:${server.addr.port}/team/app:1`);
    const { fallback, referrers } = await registry.referrers(reference, SUBJECT);
    return { fallback, digests: referrers.map(({ digest }) => digest) };
  } finally {
    abort.abort();
    await server.finished;
  }
}

Deno.test("referrers() reads the registry's list, page by page, each entry once", async () => {
  const found = await asked((url) => {
    assert.equal(url.pathname, `/v2/team/app/referrers/${SUBJECT}`);
    if (url.searchParams.has("page")) return index("b", "c");
    const first = index("a", "b");
    first.headers.set("link", `<${url.pathname}?page=2>; rel="next"`);
    return first;
  });
  assert.deepEqual(found, { fallback: false, digests: ["a", "b", "c"].map(digestOf) });
});

Deno.test("referrers() reads the tag where there is no list, and nothing where there is no tag", async () => {
  const tag = `/v2/team/app/manifests/${SUBJECT.replace(":", "-")}`;
  const none = () => new Response("", { status: 404 });
  assert.deepEqual(await asked((url) => url.pathname === tag ? index("a") : none()), {
    fallback: true,
    digests: [digestOf("a")],
  });
  assert.deepEqual(await asked(none), { fallback: true, digests: [] });
});

Deno.test("referrers() goes to no other host, and ends", async () => {
  const elsewhere = await asked(() => {
    const page = index("a");
    page.headers.set("link", '<http://127.0.0.2:1/v2/x>; rel="next"');
    return page;
  });
  assert.deepEqual(elsewhere.digests, [digestOf("a")]);
  let pages = 0;
  const endless = await asked((url) => {
    const page = index(`page ${pages++}`);
    page.headers.set("link", `<${url.pathname}?page=${pages}>; rel="next"`);
    return page;
  });
  assert.deepEqual([pages, endless.digests.length], [20, 20]);
  const many = Array.from({ length: 1001 }, (_, at) => `entry ${at}`);
  await assert.rejects(asked(() => index(...many)), { code: "too-large" });
  await assert.rejects(asked(() => new Response("<html>")), { code: "bad-data" });
});
