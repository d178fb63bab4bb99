import assert from "node:assert/strict";
import { CtrError } from "../../src/core/mod.ts";
import { type Digest, digestOf, parsePlatform, parseReference } from "../../src/oci/mod.ts";
import { openRegistry, type RegistryOptions } from "../../src/registry/mod.ts";
import {
  atFirst,
  cutAfter,
  error,
  FakeRegistry,
  type Fault,
  isBlob,
  isManifest,
} from "./support/fake_registry.ts";
import { QUICK, testHome } from "./support/home.ts";
import { type SampleImage, sampleImage } from "./support/samples.ts";

const AMD64 = parsePlatform("linux/amd64");
const GOOD = sampleImage({ bytesPerLayer: 200_000 });

/** Pulls once with the faults in place. @returns The sentence, with the port taken out. */
async function failure(
  faults: Fault[],
  options: { image?: SampleImage; registry?: RegistryOptions; name?: string } = {},
): Promise<{ code: string; sentence: string; hint: string | undefined }> {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  registry.add("team/app:1", options.image ?? GOOD);
  registry.faults.push(...faults);
  const images = await home.images({ registry: { attempts: 3, ...options.registry } });
  const reference = `${registry.host}/${options.name ?? "team/app:1"}`;
  try {
    await images.pull(reference, { platform: AMD64 });
  } catch (thrown) {
    assert.ok(thrown instanceof CtrError, `${thrown}`);
    assert.deepEqual((await images.list()).length, 0);
    assert.deepEqual(
      (await home.files()).filter((path) => path.startsWith("layers/")).length < 2,
      true,
    );
    await images.sweep({ partialMs: 0 });
    assert.deepEqual(await home.leftOvers(), []);
    return {
      code: thrown.code,
      sentence: thrown.message.replaceAll(registry.host, "HOST"),
      hint: thrown.hint?.replaceAll(registry.host, "HOST"),
    };
  }
  throw new Error("it did not fail");
}

const always = (match: (asked: Parameters<Fault>[0]) => boolean, answer: () => Response): Fault =>
  atFirst(Infinity, match, answer);

const SENTENCES: readonly [
  string,
  string,
  string,
  () => Promise<{ code: string; sentence: string }>,
][] = [
  [
    "a tag that is not there",
    "not-found",
    'cannot pull "HOST/team/app:2": HOST has no such tag or digest',
    () => failure([], { name: "team/app:2" }),
  ],
  [
    "an image that is not there",
    "not-found",
    'cannot pull "HOST/nope:latest": HOST has no such image',
    () => failure([], { name: "nope" }),
  ],
  [
    "a platform that is not there",
    "not-found",
    'cannot pull "HOST/team/app:1": it is not made for linux/amd64, only for linux/arm64, linux/s390x',
    () => failure([], { image: sampleImage({ platforms: ["linux/arm64", "linux/s390x"] }) }),
  ],
  [
    "another platform without an index",
    "not-found",
    'cannot pull "HOST/team/app:1": it is not made for linux/amd64, only for linux/arm64',
    () => {
      const { blobs, manifests } = sampleImage({ platforms: ["linux/arm64"] });
      const { platform: _, ...target } = manifests[0]!;
      return failure([], { image: { ...GOOD, blobs, target, manifests: [] } });
    },
  ],
  [
    "a registry that wants a login",
    "denied",
    'cannot pull "HOST/team/app:1": the registry HOST wants a login, or has no such image',
    () => failure([always(() => true, () => error(401, "UNAUTHORIZED"))]),
  ],
  [
    "a registry that denies",
    "denied",
    'cannot pull "HOST/team/app:1": the registry HOST denies access',
    () => failure([always(() => true, () => error(403, "DENIED"))]),
  ],
  [
    "a registry that fails",
    "unavailable",
    'cannot pull "HOST/team/app:1": the registry HOST is failing (HTTP 503)',
    () => failure([always(() => true, () => new Response("<html>", { status: 503 }))]),
  ],
  [
    "a registry that limits",
    "unavailable",
    'cannot pull "HOST/team/app:1": the registry HOST got too many requests',
    () =>
      failure([always(isManifest, () => error(429, "TOOMANYREQUESTS", { "retry-after": "3600" }))]),
  ],
  [
    "a blob with other bytes",
    "bad-data",
    'cannot pull "HOST/team/app:1": DIGEST',
    async () => {
      const lie: Fault = (asked) => {
        const bytes = isBlob(asked) && GOOD.blobs.get(asked.path.split("/").at(-1) as Digest);
        if (!bytes || bytes.length < 1000) return undefined;
        const other = bytes.slice();
        other[500]! ^= 1;
        return new Response(other);
      };
      const { code, sentence } = await failure([lie]);
      return {
        code,
        sentence: sentence.replace(/: the layer has.*/, ": DIGEST").replace(/ cannot unpack:/, ""),
      };
    },
  ],
  [
    "a blob of another size",
    "bad-data",
    'cannot pull "HOST/team/app:1": the registry HOST has blob BLOB in another size than the N bytes that its manifest says',
    async () => {
      const { code, sentence } = await failure([
        always(isBlob, () => new Response(new Uint8Array(10))),
      ]);
      return {
        code,
        sentence: sentence.replace(/sha256:\w+/, "BLOB").replace(/\d+ bytes/, "N bytes"),
      };
    },
  ],
  [
    "a manifest with another digest",
    "bad-data",
    'cannot pull "HOST/team/app:1": the registry HOST sent a manifest with another digest than MANIFEST',
    async () => {
      const lie: Fault = (asked, normal) => {
        if (!isManifest(asked) || asked.method !== "GET") return undefined;
        return new Response("{}", { headers: normal().headers });
      };
      const { code, sentence } = await failure([lie]);
      return { code, sentence: sentence.replace(/sha256:\w+/, "MANIFEST") };
    },
  ],
  [
    "a manifest that is too large",
    "too-large",
    'cannot pull "HOST/team/app:1": HOST sent a document of more than 4194304 bytes',
    () =>
      failure([
        always(isManifest, () => new Response(new Uint8Array(5 * 1024 * 1024))),
      ]),
  ],
  [
    "a blob that always ends early",
    "unavailable",
    'cannot pull "HOST/team/app:1": cannot reach the registry HOST: the connection broke',
    () =>
      failure([
        (asked, normal) =>
          isBlob(asked) && !asked.headers.has("range") ? cutAfter(1000, normal()) : undefined,
        always((asked) => isBlob(asked) && asked.headers.has("range"), () =>
          new Response(cut(), { status: 500 })),
      ]).then((got) => ({
        ...got,
        sentence: got.sentence.replace(
          /the registry HOST is failing.*/,
          "cannot reach the registry HOST: the connection broke",
        ),
      })),
  ],
  [
    "headers that never come",
    "timeout",
    'cannot pull "HOST/team/app:1": the registry HOST did not answer for 100ms',
    () =>
      failure([
        (asked) =>
          isBlob(asked)
            ? new Promise<Response>((resolve) =>
              setTimeout(() => resolve(new Response("late")), 600)
            )
            : undefined,
      ], {
        registry: { deadlines: { ...QUICK, headersMs: 100 } },
      }),
  ],
  [
    "a body that stalls",
    "timeout",
    'cannot pull "HOST/team/app:1": the registry HOST sent no data for 100ms',
    () =>
      failure([(asked, normal) => isBlob(asked) ? stall(normal()) : undefined], {
        registry: { deadlines: { ...QUICK, stallMs: 100 } },
      }),
  ],
];

function cut(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}

/** The headers, and then nothing. */
function stall(normal: Response): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(0)),
    pull: () => new Promise(() => {}),
  });
  normal.body?.cancel();
  return new Response(body, { headers: normal.headers });
}

Deno.test("pull() says in one sentence what a registry did wrong", async (t) => {
  for (const [name, code, sentence, run] of SENTENCES) {
    await t.step(name, async () => {
      const got = await run();
      assert.deepEqual([got.code, got.sentence], [code, sentence]);
    });
  }
});

Deno.test("pull() says that no registry answers", async () => {
  await using home = await testHome();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const images = await home.images({ registry: { attempts: 2 } });
  await assert.rejects(images.pull(`127.0.0.1:${port}/app`), {
    code: "unavailable",
    message:
      `cannot pull "127.0.0.1:${port}/app:latest": cannot reach the registry 127.0.0.1:${port}: the connection was refused`,
  });
});

const MENDED: readonly [string, Fault[]][] = [
  ["statuses 500, 502 and 429", [
    atFirst(1, isManifest, () => error(500, "UNKNOWN")),
    atFirst(1, isManifest, () => error(429, "TOOMANYREQUESTS", { "retry-after": "0" })),
    atFirst(2, isBlob, () => new Response("bad gateway", { status: 502 })),
  ]],
  ["connections that break in a blob", [
    atFirst(3, isBlob, (_, normal) => cutAfter(50_000, normal())),
  ]],
  ["a stall", [atFirst(1, isBlob, (_, normal) => stall(normal()))]],
];

Deno.test("pull() gets over what passes", async (t) => {
  for (const ranges of [true, false]) {
    for (const [name, faults] of MENDED) {
      await t.step(`${name}, ${ranges ? "with" : "without"} ranges`, async () => {
        await using registry = new FakeRegistry();
        await using home = await testHome();
        const reference = registry.add("app:1", GOOD);
        registry.ranges = ranges;
        registry.faults.push(...structuredCloneFaults(name, faults));
        const images = await home.images({ registry: { deadlines: { ...QUICK, stallMs: 300 } } });
        await images.pull(reference, { platform: AMD64 });
        assert.equal((await images.resolveForRun(reference, AMD64)).layerDisks.length, 2);
        assert.deepEqual(await home.leftOvers(), []);
      });
    }
  }
});

/** Faults count, so each run gets its own. */
function structuredCloneFaults(name: string, faults: Fault[]): Fault[] {
  if (name.startsWith("connections")) {
    return [atFirst(3, isBlob, (_, normal) => cutAfter(50_000, normal()))];
  }
  if (name === "a stall") return [atFirst(1, isBlob, (_, normal) => stall(normal()))];
  return faults.length === 3
    ? [
      atFirst(1, isManifest, () => error(500, "UNKNOWN")),
      atFirst(1, isManifest, () => error(429, "TOOMANYREQUESTS", { "retry-after": "0" })),
      atFirst(2, isBlob, () => new Response("bad gateway", { status: 502 })),
    ]
    : faults;
}

Deno.test("pull() goes on where an earlier pull was cut off", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const image = sampleImage({ layers: 1, bytesPerLayer: 3_000_000 });
  const reference = registry.add("app:1", image);
  registry.faults.push(
    (asked, normal) =>
      isBlob(asked) && asked.path.includes(image.layers[0]!.digest)
        ? asked.headers.has("range") ? error(500, "UNKNOWN") : cutAfter(2_500_000, normal())
        : undefined,
  );
  const images = await home.images({ registry: { attempts: 1 } });
  await assert.rejects(images.pull(reference, { platform: AMD64 }), { code: "unavailable" });
  registry.faults.length = 0;
  registry.asked.length = 0;
  await images.pull(reference, { platform: AMD64 });
  const range = registry.asked.map(({ headers }) => headers.get("range")).find((value) => value);
  assert.match(range ?? "", /^bytes=[12]\d{6}-$/);
  assert.deepEqual(await home.leftOvers(), []);
});

Deno.test("pull() starts again when the bytes of an earlier pull were wrong", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const image = sampleImage({ layers: 1, bytesPerLayer: 100_000 });
  const reference = registry.add("app:1", image);
  const images = await home.images();
  const { digest } = image.layers[0]!;
  await Deno.writeFile(
    `${home.path}/content/ingest/${digest.slice(7)}.partial`,
    new Uint8Array(5000),
  );
  await images.pull(reference, { platform: AMD64 });
  const path = await images.blobPath(digest);
  assert.equal(digestOf(await Deno.readFile(path)), digest);
});

Deno.test("a signal ends a pull at once", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const reference = registry.add("app:1", GOOD);
  registry.faults.push((asked, normal) => isBlob(asked) ? stall(normal()) : undefined);
  const images = await home.images();
  const abort = new AbortController();
  const pulling = images.pull(reference, { platform: AMD64, signal: abort.signal });
  setTimeout(() => abort.abort(new CtrError("cancelled", "stopped")), 100);
  await assert.rejects(pulling, { code: "cancelled" });
  await images.sweep({ partialMs: 0 });
  assert.deepEqual(await home.leftOvers(), []);
});

Deno.test("bearer tokens are fetched once per repository, with credentials if there are any", async (t) => {
  const cases = [
    { name: "anonymous", credentials: undefined, sent: null },
    {
      name: "with a password",
      credentials: { kind: "basic", username: "ann", password: "pä:ss" },
      sent: `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode("ann:pä:ss")))}`,
    },
    { name: "with a refresh token", credentials: { kind: "token", refreshToken: "r" }, sent: null },
  ] as const;
  for (const { name, credentials, sent } of cases) {
    await t.step(name, async () => {
      await using registry = new FakeRegistry();
      await using home = await testHome();
      const reference = registry.add("team/app:1", GOOD);
      registry.authorization = "Bearer good";
      registry.challenge =
        `Bearer realm="http://${registry.host}/token",service="s",scope="repository:team/app:pull"`;
      let tokens = 0;
      registry.faults.push((asked) => {
        if (asked.path !== "/token") return undefined;
        tokens++;
        assert.equal(asked.headers.get("authorization"), sent);
        assert.equal(asked.method, credentials?.kind === "token" ? "POST" : "GET");
        return Response.json({ access_token: "good", expires_in: 300 });
      });
      const source = { name: "test", find: () => Promise.resolve(credentials) };
      const images = await home.images({ registry: { credentials: [source] } });
      await images.pull(reference, { platform: AMD64 });
      assert.equal(tokens, 1);
    });
  }
});

Deno.test("basic authentication is sent when it is asked for", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const reference = registry.add("app:1", GOOD);
  registry.authorization = `Basic ${btoa("ann:secret")}`;
  registry.challenge = 'Basic realm="here"';
  const find = () =>
    Promise.resolve({ kind: "basic", username: "ann", password: "secret" } as const);
  const images = await home.images({ registry: { credentials: [{ name: "test", find }] } });
  await images.pull(reference, { platform: AMD64 });
});

Deno.test("another host that a registry redirects to does not see the credentials", async () => {
  await using registry = new FakeRegistry();
  await using storage = new FakeRegistry();
  await using home = await testHome();
  const reference = registry.add("app:1", GOOD);
  storage.add("app:1", GOOD);
  registry.authorization = `Basic ${btoa("ann:secret")}`;
  registry.challenge = 'Basic realm="here"';
  registry.faults.push((asked) =>
    isBlob(asked) && asked.headers.has("authorization")
      ? new Response(null, {
        status: 307,
        headers: { location: `http://${storage.host}${asked.path}` },
      })
      : undefined
  );
  const find = () =>
    Promise.resolve({ kind: "basic", username: "ann", password: "secret" } as const);
  const images = await home.images({ registry: { credentials: [{ name: "test", find }] } });
  await images.pull(reference, { platform: AMD64 });
  assert.equal(storage.blobsAsked().length, 3);
  assert.ok(storage.asked.every(({ headers }) => !headers.has("authorization")));
});

Deno.test("tags() follows the pages of its own host alone", async () => {
  await using fake = new FakeRegistry();
  fake.add("app:1", GOOD);
  fake.add("app:2", GOOD);
  fake.faults.push(
    atFirst(1, ({ path }) => path.endsWith("/tags/list"), () =>
      Response.json({ tags: ["0"] }, {
        headers: { link: '</v2/app/tags/list?last=0>; rel="next"' },
      })),
  );
  const registry = openRegistry({ credentials: [], deadlines: QUICK });
  const tags = await Array.fromAsync(registry.tags(parseReference(`${fake.host}/app`)));
  assert.deepEqual(tags, ["0", "1", "2"]);
});
