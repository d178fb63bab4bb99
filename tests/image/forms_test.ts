// History, convert, import and diff, with the real unpacker where disks are looked at.
import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { Images } from "../../src/image/mod.ts";
import { type Descriptor, digestOf, MEDIA_TYPE, parsePlatform } from "../../src/oci/mod.ts";
import { FakeRegistry } from "./support/fake_registry.ts";
import { testHome } from "./support/home.ts";
import {
  encode,
  type Entry,
  layoutEntries,
  type SampleImage,
  sampleImage,
  tarOf,
  writeLayout,
} from "./support/samples.ts";
import { realRegistry, skopeo, tempFolder, testWith } from "./support/tools.ts";

const AMD64 = parsePlatform("linux/amd64");
const REAL = { unpacker: () => import("../../src/unpack/mod.ts") };
const INDEX = sampleImage({ platforms: ["linux/amd64", "linux/arm64"], bytesPerLayer: 20_000 });

async function* piped(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 700) yield bytes.slice(at, at + 700);
}

async function load(images: Images, image: SampleImage, name: string): Promise<void> {
  await using folder = await tempFolder();
  await writeLayout(folder.path, image, name);
  await images.load({ kind: "directory", path: folder.path });
}

Deno.test("an image is found by its digest, and by how that begins", async () => {
  await using home = await testHome();
  const images = await home.images();
  await load(images, INDEX, "app:1");
  const { descriptor: { digest } } = (await images.find("app:1"))!;
  for (const text of [digest, digest.slice(7), digest.slice(0, 19), digest.slice(7, 19)]) {
    assert.equal((await images.inspect(text)).configuration.name, "docker.io/library/app:1", text);
  }
  for (const text of [digest.slice(7, 18), `sha256:${"0".repeat(64)}`]) {
    await assert.rejects(images.inspect(text), { code: "not-found" }, text);
  }
});

const TOOLS = { tools: ["skopeo", "docker-registry"] };

testWith(TOOLS, "convert() changes the form and nothing else", async (t) => {
  await using registry = await realRegistry();
  await using home = await testHome();
  const images = await home.images();
  await load(images, INDEX, "app:1");
  const before = await images.inspect("app:1");
  for (const compression of ["zstd", "none", "gzip"] as const) {
    for (const format of ["oci", "docker"] as const) {
      await t.step(`${compression}, ${format}`, async () => {
        const target = `app:${compression}-${format}`;
        if (compression === "zstd" && format === "docker") {
          return await assert.rejects(
            images.convert("app:1", target, { compression, format }),
            { code: "unsupported", message: `cannot convert "app:1": Docker's format has no zstd` },
          );
        }
        const { descriptor } = await images.convert("app:1", target, { compression, format });
        const after = await images.inspect(target);
        assert.deepEqual(
          after.variants.map(({ platform, config }) => ({ platform, config })),
          before.variants.map(({ platform, config }) => ({ platform, config })),
        );
        const again = await images.convert("app:1", "app:again", { compression, format });
        assert.equal(again.descriptor.digest, descriptor.digest, "the same bytes every time");
        const { layers } = await images.resolveForRun(target, AMD64);
        assert.ok(
          layers.every(({ mediaType }) => mediaType.includes("docker") === (format === "docker")),
        );
        const reference = `${registry.host}/app:${compression}-${format}`;
        await images.tag(target, reference);
        await images.push(reference);
        await using folder = await tempFolder();
        await skopeo(
          "copy",
          "--all",
          "--preserve-digests",
          "--src-tls-verify=false",
          `docker://${reference}`,
          `dir:${folder.path}`,
        );
        const raw = await Deno.readFile(`${folder.path}/manifest.json`);
        assert.equal(digestOf(raw), descriptor.digest);
      });
    }
  }
  await t.step("one platform becomes a manifest", async () => {
    const { descriptor } = await images.convert("app:1", "app:one", { platform: AMD64 });
    assert.equal(descriptor.digest, INDEX.manifests[0]!.digest);
  });
  await t.step("a layer that has changed is found out", async () => {
    const path = await images.blobPath(INDEX.layers[0]!.digest);
    await Deno.writeFile(path, gzipSync(new Uint8Array(2048)));
    await Deno.truncate(path, INDEX.layers[0]!.size);
    await assert.rejects(images.convert("app:1", "app:bad", { compression: "zstd" }), {
      code: "bad-data",
    });
    assert.equal(await images.find("app:bad"), undefined);
  });
  assert.deepEqual(await home.leftOvers(), []);
});

const ROOT: readonly Entry[] = [
  { path: "bin/", type: "directory" },
  { path: "bin/sh", content: encode("#!") },
  { path: "bin/ash", type: "symlink", linkTarget: "sh" },
];

Deno.test("import() makes an image of one layer, and history() tells how", async () => {
  await using home = await testHome();
  const images = await home.images(REAL);
  const tar = tarOf(ROOT);
  for (
    const [name, bytes] of [
      ["plain", tar],
      ["gzip", new Uint8Array(gzipSync(tar))],
      ["zstd", new Uint8Array(zstdCompressSync(tar))],
    ] as const
  ) {
    const { descriptor } = await images.import({ kind: "bytes", bytes: piped(bytes) }, {
      reference: `root:${name}`,
      changes: ['CMD ["/bin/sh"]', "ENV A=1"],
      message: "from a test",
      from: "x.tar",
      platform: AMD64,
    });
    assert.equal(descriptor.mediaType, MEDIA_TYPE.manifest);
    const { config, layers } = await images.resolveForRun(`root:${name}`, AMD64);
    assert.deepEqual([config.config?.Cmd, config.config?.Env], [["/bin/sh"], ["A=1"]]);
    assert.deepEqual([layers[0]!.digest, layers[0]!.diffId], [digestOf(bytes), digestOf(tar)]);
    const [step] = await images.history(`root:${name}`);
    assert.deepEqual(
      [step!.createdBy, step!.comment, step!.size, step!.layer],
      ["ctr image import x.tar", "from a test", bytes.length, digestOf(bytes)],
    );
  }
  const nameless = await images.import({ kind: "bytes", bytes: piped(tar) });
  assert.match(nameless.familiar, /^untagged@sha256:/);
});

const BAD: readonly [name: string, code: string, fact: RegExp, bytes: Uint8Array][] = [
  ["nothing", "bad-data", /it is empty$/, new Uint8Array(0)],
  ["what is no archive", "bad-data", /./, encode("hello".repeat(300))],
  ["xz", "unsupported", /xz and bzip2 are not known$/, Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0, 0)],
  ["a cut archive", "bad-data", /./, tarOf(ROOT).slice(0, 1100)],
  ["damaged gzip", "bad-data", /./, new Uint8Array(gzipSync(tarOf(ROOT))).fill(7, 30, 60)],
  ["a path that climbs", "bad-data", /./, tarOf([{ path: "../../x", content: encode("x") }])],
  ["a bomb", "too-large", /./, new Uint8Array(gzipSync(new Uint8Array(9_000_000)))],
];

Deno.test("import() refuses what is no root file system, and keeps nothing of it", async (t) => {
  for (const [name, code, fact, bytes] of BAD) {
    await t.step(name, async () => {
      await using home = await testHome();
      const images = await home.images({ ...REAL, limits: { layerBytes: 8_000_000 } });
      await assert.rejects(
        images.import({ kind: "bytes", bytes: piped(bytes) }, { reference: "bad:1" }),
        (error: { code: string; message: string }) => {
          assert.equal(error.code, code, error.message);
          assert.match(error.message, /^cannot import the archive: /);
          assert.match(error.message, fact);
          return true;
        },
      );
      await images.prune();
      const left = (await home.files()).filter((path) => /blobs|layers\//.test(path));
      assert.deepEqual([left, await home.leftOvers()], [[], []]);
    });
  }
  await using home = await testHome();
  const images = await home.images();
  await assert.rejects(
    images.import({ kind: "bytes", bytes: piped(tarOf(ROOT)) }, { changes: ["RUN x"] }),
    { code: "usage" },
  );
});

/** An image whose layers hold these entries. */
function imageOf(layers: readonly (readonly Entry[])[], config: object): SampleImage {
  const blobs = new Map<ReturnType<typeof digestOf>, Uint8Array>();
  const put = (bytes: Uint8Array, mediaType: string): Descriptor => {
    blobs.set(digestOf(bytes), bytes);
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  };
  const tars = layers.map(tarOf);
  const descriptors = tars.map((tar) => put(tar, MEDIA_TYPE.layer));
  const document = {
    architecture: "amd64",
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: tars.map(digestOf) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.manifest,
    config: put(encode(document), MEDIA_TYPE.config),
    layers: descriptors,
  };
  const target = put(encode(manifest), MEDIA_TYPE.manifest);
  return { blobs, target, manifests: [target], layers: descriptors, diffIds: tars.map(digestOf) };
}

Deno.test("diff() tells files and configuration apart, whiteouts and equal content included", async () => {
  await using home = await testHome();
  const images = await home.images(REAL);
  const base: Entry[] = [
    { path: "etc/", type: "directory" },
    { path: "etc/same", content: encode("same") },
    { path: "etc/text", content: encode("one") },
    { path: "etc/gone", content: encode("x") },
    { path: "opt/", type: "directory" },
    { path: "opt/a/", type: "directory" },
    { path: "opt/a/b", content: encode("x") },
    { path: "link", type: "symlink", linkTarget: "etc/same" },
  ];
  const upper: Entry[] = [
    { path: "etc/same", content: encode("same") },
    { path: "etc/text", content: encode("two") },
    { path: "etc/.wh.gone" },
    { path: ".wh.opt" },
    { path: "srv/", type: "directory" },
    { path: "srv/new", content: encode("x") },
    { path: "link", type: "symlink", linkTarget: "etc/text" },
  ];
  await load(images, imageOf([base], { Cmd: ["a"], Env: ["X=1"] }), "app:1");
  await load(images, imageOf([base, upper], { Cmd: ["b"], Env: ["X=1"], User: "1" }), "app:2");
  const { files, config } = await images.diff("app:1", "app:2");
  assert.deepEqual(
    files.map(({ kind, path }) => `${kind} ${path}`),
    [
      "deleted /etc/gone",
      "changed /etc/text",
      "changed /link",
      "deleted /opt",
      "added /srv",
      "added /srv/new",
    ].sort((a, b) => order(a) - order(b)),
  );
  assert.deepEqual(config, [
    { field: "config.Cmd", before: ["a"], after: ["b"] },
    { field: "config.User", before: null, after: "1" },
  ]);
  assert.deepEqual(await images.diff("app:1", "app:1"), { files: [], config: [] });
  const back = await images.diff("app:2", "app:1");
  assert.deepEqual(
    back.files.filter(({ kind }) => kind === "added").map(({ path }) => path),
    ["/opt", "/etc/gone", "/opt/a", "/opt/a/b"],
  );
  await assert.rejects(images.diff("app:1", "nope"), { code: "not-found" });
});

/** A folder's names come before what they hold. */
function order(line: string): number {
  return ["/link", "/opt", "/srv", "/etc/gone", "/etc/text", "/srv/new"]
    .indexOf(line.split(" ")[1]!);
}

Deno.test("load() can leave the disks for later, and a container waits for them", async () => {
  await using home = await testHome();
  const images = await home.images(REAL);
  const image = sampleImage({ layers: 2, bytesPerLayer: 50_000 });
  const archive = tarOf(layoutEntries(image, "app:1"));
  await images.load({ kind: "bytes", bytes: piped(archive) }, { unpack: "later" });
  const { layerDisks } = await images.resolveForRun("app:1", AMD64);
  assert.equal(layerDisks.length, 2);
  await images.load({ kind: "bytes", bytes: piped(archive) }, { unpack: "later" });
  await images.remove(["app:1"]);
  await images[Symbol.asyncDispose]();
  await images.prune();
  assert.deepEqual((await home.files()).filter((path) => /blobs|layers\//.test(path)), []);
  assert.deepEqual(await home.leftOvers(), []);
});

Deno.test("prune() obeys until and labels, and remove() names the container that uses an image", async () => {
  await using home = await testHome();
  const users: { name: string; manifest: string }[] = [];
  const images = await home.images({
    users: () => users,
    usedManifests: () => users.map(({ manifest }) => manifest),
  });
  await load(images, imageOf([ROOT], { Labels: { keep: "yes" } }), "kept:1");
  await load(images, imageOf([ROOT], { Labels: { keep: "no" } }), "other:1");
  const until = new Date(Date.now() - 60_000);
  assert.deepEqual((await images.prune({ all: true, until })).untagged, []);
  const labels = [{ name: "keep", value: "yes", not: true }];
  assert.deepEqual((await images.prune({ all: true, labels })).untagged, [
    "docker.io/library/other:1",
  ]);
  users.push({ name: "web", manifest: (await images.find("kept:1"))!.descriptor.digest });
  await assert.rejects(images.remove(["kept:1"]), {
    code: "invalid-state",
    message: 'cannot remove "kept:1": the container "web" uses it',
  });
  assert.deepEqual((await images.prune({ all: true })).untagged, []);
});

Deno.test("pull() of all platforms takes the attestations along, so that an index can be pushed", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const blobs = new Map(INDEX.blobs);
  const put = (bytes: Uint8Array, mediaType: string): Descriptor => {
    blobs.set(digestOf(bytes), bytes);
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  };
  const attestation = put(
    encode({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: put(encode({ architecture: "unknown" }), MEDIA_TYPE.config),
      layers: [put(encode({ _type: "statement" }), "application/vnd.in-toto+json")],
    }),
    MEDIA_TYPE.manifest,
  );
  const entry = {
    ...attestation,
    platform: { os: "unknown", architecture: "unknown" },
    annotations: { "vnd.docker.reference.type": "attestation-manifest" },
  };
  const manifests = [...INDEX.manifests, entry];
  const target = put(
    encode({ schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests }),
    MEDIA_TYPE.index,
  );
  blobs.delete(INDEX.target.digest);
  const reference = registry.add("app:1", { ...INDEX, blobs, target, manifests });
  const images = await home.images();
  const { platforms } = await images.pull(reference, { platform: "all" });
  assert.equal(platforms.length, 2);
  await images.prune();
  const kept = (await home.files()).filter((path) => path.startsWith("content/blobs/"));
  assert.deepEqual(
    kept.map((path) => path.slice(-64)).sort(),
    [...blobs.keys()].map((digest) => digest.slice(7)).sort(),
  );
  assert.equal((await images.inspect(reference)).variants.length, 2);
});
