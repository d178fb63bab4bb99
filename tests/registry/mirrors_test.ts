import assert from "node:assert/strict";
import { type Digest, parsePlatform, parseReference } from "../../src/oci/mod.ts";
import type { Credentials } from "../../src/registry/mod.ts";
import { error, FakeRegistry, isBlob } from "../image/support/fake_registry.ts";
import { testHome } from "../image/support/home.ts";
import { sampleImage } from "../image/support/samples.ts";
import { caller, type CallerOptions, callerOptions } from "./support/caller.ts";

const AMD64 = parsePlatform("linux/amd64");
const IMAGE = sampleImage({ bytesPerLayer: 300_000, platforms: ["linux/amd64"] });

function full(name = "team/app:1"): FakeRegistry {
  const registry = new FakeRegistry();
  registry.add(name, IMAGE);
  return registry;
}

/** Pulls from `origin`, which has these mirrors. */
async function pull(
  origin: FakeRegistry,
  mirrors: readonly string[],
  options: CallerOptions = {},
): Promise<void> {
  const toml = `[host."${origin.host}"]\nmirrors = ${JSON.stringify(mirrors)}\n`;
  await using home = await testHome();
  const images = await home.images({ registry: callerOptions({ ...options, toml }) });
  await images.pull(`${origin.host}/team/app:1`, { platform: AMD64 });
}

Deno.test("a pull takes all from the first mirror, and nothing from the registry", async () => {
  await using origin = full();
  await using mirror = full();
  await pull(origin, [mirror.host]);
  assert.deepEqual(origin.asked, []);
  assert.ok(mirror.blobsAsked().length > 1);
});

Deno.test("a mirror may have its repositories below a path", async () => {
  await using origin = full();
  await using mirror = new FakeRegistry();
  mirror.faults.push(async (asked, _normal) => {
    assert.ok(asked.path.startsWith("/hub/v2/team/app/"), asked.path);
    const url = `http://${origin.host}${asked.path.slice("/hub".length)}`;
    return await fetch(url, { method: asked.method, headers: asked.headers });
  });
  await pull(origin, [`http://${mirror.host}/hub`]);
});

Deno.test("what a mirror lacks, and a mirror that fails, is made up for by the next", async (t) => {
  const faults: [string, (registry: FakeRegistry) => void][] = [
    ["nothing there", ({ faults }) => faults.push(() => error(404, "NAME_UNKNOWN"))],
    ["a login wanted", ({ faults }) => faults.push(() => error(401, "UNAUTHORIZED"))],
    ["it fails", ({ faults }) => faults.push(() => new Response("", { status: 502 }))],
    [
      "no blobs",
      ({ faults }) =>
        faults.push((asked) => isBlob(asked) ? error(404, "BLOB_UNKNOWN") : undefined),
    ],
    ["blobs that break", ({ faults }) =>
      faults.push((asked) => {
        const bytes = IMAGE.blobs.get(asked.path.split("/").at(-1) as Digest);
        if (!isBlob(asked) || !bytes) return undefined;
        const broken = new ReadableStream({
          pull(controller) {
            controller.enqueue(bytes.subarray(0, 1000));
            controller.error(new Error("cut"));
          },
        });
        return new Response(broken, { headers: { "content-length": `${bytes.length}` } });
      })],
    ["blobs with other bytes", ({ faults }) =>
      faults.push((asked) => {
        const bytes = IMAGE.blobs.get(asked.path.split("/").at(-1) as Digest);
        if (!isBlob(asked) || !bytes) return undefined;
        const other = bytes.slice();
        other[other.length - 9]! ^= 1;
        return new Response(other);
      })],
    [
      "a manifest with other bytes",
      ({ faults }) =>
        faults.push(({ method, path }) =>
          method === "GET" && path.includes("/manifests/sha256:")
            ? new Response(`{"schemaVersion":2}`)
            : undefined
        ),
    ],
  ];
  for (const [name, fault] of faults) {
    await t.step(name, async () => {
      await using origin = full();
      await using mirror = full();
      fault(mirror);
      await pull(origin, [mirror.host]);
      assert.ok(mirror.asked.length > 0 && origin.asked.length > 0);
    });
  }
  await t.step("nobody there", async () => {
    await using origin = full();
    await using second = full();
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    await pull(origin, [`127.0.0.1:${port}`, second.host]);
    assert.deepEqual(origin.asked, []);
  });
});

Deno.test("a mirror sees its own credentials alone, and the last failure is the registry's", async () => {
  await using origin = full();
  await using mirror = full();
  for (const each of [origin, mirror]) {
    each.authorization = "Basic " + btoa("ann:secret");
    each.challenge = 'Basic realm="x"';
  }
  const asked: string[] = [];
  const find = (host: string): Promise<Credentials | undefined> => {
    asked.push(host);
    const known: Credentials = { kind: "basic", username: "ann", password: "secret" };
    return Promise.resolve(host === origin.host ? known : undefined);
  };
  await pull(origin, [mirror.host], { credentials: [{ name: "test", find }] });
  assert.ok(mirror.asked.every(({ headers }) => headers.get("authorization") === null));
  assert.ok(asked.includes(mirror.host) && asked.includes(origin.host));
  await assert.rejects(
    pull(origin, [mirror.host]),
    new RegExp(`the registry ${origin.host} wants a login`),
  );
});

Deno.test("pushes and lists of tags go to the registry itself", async () => {
  await using origin = full();
  await using mirror = full();
  const toml = `[host."${origin.host}"]\nmirrors = ["${mirror.host}"]\n`;
  const registry = caller({ toml });
  const reference = parseReference(`${origin.host}/team/app:1`);
  const tags: string[] = [];
  for await (const tag of registry.tags(reference)) tags.push(tag);
  assert.deepEqual(tags, ["1"]);
  assert.equal(await registry.has(reference, IMAGE.layers[0]!), true);
  assert.deepEqual(mirror.asked, []);
});
