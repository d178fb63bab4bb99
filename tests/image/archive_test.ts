import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { CtrError } from "../../src/core/mod.ts";
import type { Images } from "../../src/image/mod.ts";
import { digestOf, parsePlatform } from "../../src/oci/mod.ts";
import { readTar } from "../../src/tar/mod.ts";
import { testHome } from "./support/home.ts";
import {
  concat,
  encode,
  type Entry,
  layoutEntries,
  sampleImage,
  tarOf,
} from "./support/samples.ts";

const AMD64 = parsePlatform("linux/amd64");
const IMAGE = sampleImage({ layers: 2, bytesPerLayer: 5000 });

async function* pipe(bytes: Uint8Array, piece = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += piece) yield bytes.slice(at, at + piece);
}

function loadBytes(images: Images, bytes: Uint8Array, options = {}) {
  return images.load({ kind: "bytes", bytes: pipe(bytes) }, options);
}

Deno.test("load() reads a layout from a pipe in pieces of any size, and save() writes it back", async () => {
  const archive = tarOf(layoutEntries(IMAGE, "app:1"));
  for (const piece of [1, 511, 1_000_000]) {
    if (piece === 1 && archive.length > 100_000) continue;
    await using home = await testHome();
    const images = await home.images();
    const { images: [loaded] } = await images.load({ kind: "bytes", bytes: pipe(archive, piece) });
    assert.equal(loaded!.reference, "docker.io/library/app:1");
    assert.equal(loaded!.descriptor.digest, IMAGE.target.digest);
    assert.equal((await images.resolveForRun("app:1", AMD64)).layerDisks.length, 2);
    const saved = concat(...await Array.fromAsync(images.save(["app:1"])));
    const again = concat(...await Array.fromAsync(images.save(["app:1"])));
    assert.equal(digestOf(saved), digestOf(again), "the same image makes the same bytes");
    const names = readTar(saved).map(({ entry }) => entry.path);
    assert.deepEqual(names.slice(0, 4), ["oci-layout", "index.json", "blobs", "blobs/sha256"]);
    assert.equal(names.length, 4 + IMAGE.blobs.size);
    assert.deepEqual(await home.leftOvers(), []);
  }
});

Deno.test("save() compresses the whole archive, and load() reads it back", async () => {
  await using home = await testHome();
  const images = await home.images();
  await loadBytes(images, tarOf(layoutEntries(IMAGE, "app:1")));
  for (const [compression, magic] of [["gzip", 0x1f], ["zstd", 0x28]] as const) {
    const saved = concat(...await Array.fromAsync(images.save(["app:1"], { compression })));
    assert.equal(saved[0], magic);
    await using other = await testHome();
    const { images: [loaded] } = await loadBytes(await other.images(), saved);
    assert.equal(loaded!.descriptor.digest, IMAGE.target.digest);
  }
});

/** What `docker save` wrote before it wrote OCI layouts. */
function oldDockerArchive(
  layers: readonly Entry[],
  names: readonly string[],
  tags: string[] | null,
): Entry[] {
  const tars = [...IMAGE.blobs.values()].filter((bytes) => bytes[0] === 0x1f);
  assert.equal(tars.length, 2);
  const config = [...IMAGE.blobs.values()].find((bytes) =>
    new TextDecoder().decode(bytes).includes("diff_ids")
  )!;
  const configName = `${digestOf(config).slice(7)}.json`;
  return [
    ...layers,
    { path: configName, content: config },
    {
      path: "manifest.json",
      content: encode([{ Config: configName, RepoTags: tags, Layers: names }]),
    },
    { path: "repositories", content: encode({}) },
  ];
}

function plainLayers(): Uint8Array[] {
  return sampleImage({ layers: 2, bytesPerLayer: 5000, compression: "none" }).layers.map((
    { digest },
  ) => sampleImage({ layers: 2, bytesPerLayer: 5000, compression: "none" }).blobs.get(digest)!);
}

Deno.test("load() reads what docker save wrote, links and missing names included", async () => {
  const [one, two] = plainLayers();
  const id = "a".repeat(64);
  await using home = await testHome();
  const images = await home.images();
  const entries = oldDockerArchive(
    [
      { path: `${id}/`, type: "directory" },
      { path: `${id}/VERSION`, content: encode("1.0") },
      { path: `${id}/json`, content: encode("{}") },
      { path: `${id}/layer.tar`, content: two! },
      { path: "first.tar", content: one! },
      { path: "b/layer.tar", type: "symlink", linkTarget: `../${id}/layer.tar` },
    ],
    ["first.tar", "b/layer.tar"],
    ["app:1", "ghcr.io/x/app:2"],
  );
  const { images: loaded } = await loadBytes(images, new Uint8Array(gzipSync(tarOf(entries))));
  assert.deepEqual(loaded.map(({ reference }) => reference), [
    "docker.io/library/app:1",
    "ghcr.io/x/app:2",
  ]);
  const resolved = await images.resolveForRun("app:1", AMD64);
  assert.deepEqual(resolved.layers.map(({ diffId }) => diffId), IMAGE.diffIds);

  const { images: [nameless] } = await loadBytes(
    images,
    tarOf(oldDockerArchive(
      [
        { path: "1.tar", content: one! },
        { path: "2.tar", content: two! },
      ],
      ["1.tar", "2.tar"],
      null,
    )),
  );
  assert.match(nameless!.familiar, /^untagged@sha256:[0-9a-f]{64}$/);
  assert.deepEqual((await images.prune()).untagged, [nameless!.reference]);
});

const layout = () => layoutEntries(IMAGE, "app:1");
const without = (path: RegExp) => layout().filter((entry) => !path.test(entry.path));

const HOSTILE: readonly [string, () => Uint8Array, string, RegExp][] = [
  [
    "a member that climbs",
    () => tarOf([{ path: "../evil", content: encode("x") }, ...layout()]),
    "bad-data",
    /: "\.\.\/evil": it leaves the archive$/,
  ],
  [
    "a member that climbs in the middle",
    () => tarOf([{ path: "a/../../evil", content: encode("x") }]),
    "bad-data",
    /leaves the archive$/,
  ],
  [
    "an absolute member",
    () => tarOf([{ path: "/etc/passwd", content: encode("x") }]),
    "bad-data",
    /leaves the archive$/,
  ],
  [
    "a link that leaves",
    () => tarOf([{ path: "l", type: "symlink", linkTarget: "../../etc/passwd" }]),
    "bad-data",
    /it is a link that leaves the archive$/,
  ],
  [
    "an absolute link",
    () => tarOf([{ path: "l", type: "symlink", linkTarget: "/etc/passwd" }]),
    "bad-data",
    /it is a link that leaves the archive$/,
  ],
  [
    "a hard link that leaves",
    () => tarOf([{ path: "l", type: "hardlink", linkTarget: "../x" }]),
    "bad-data",
    /it is a link that leaves the archive$/,
  ],
  [
    "a device",
    () => tarOf([{ path: "null", type: "char" }]),
    "bad-data",
    /it is a device or a pipe$/,
  ],
  [
    "two indexes",
    () => tarOf([...layout(), layout()[1]!]),
    "bad-data",
    /"index.json": it is there twice$/,
  ],
  [
    "a blob with another digest",
    () =>
      tarOf(
        layout().map((entry) =>
          entry.path.startsWith("blobs/") ? { ...entry, content: encode("x") } : entry
        ),
      ),
    "bad-data",
    /its bytes have another digest$/,
  ],
  [
    "a missing blob",
    () => tarOf(without(new RegExp(IMAGE.layers[0]!.digest.slice(7)))),
    "bad-data",
    /blob sha256:\w{12} is not in it$/,
  ],
  [
    "a missing manifest",
    () => tarOf(without(new RegExp(IMAGE.target.digest.slice(7)))),
    "bad-data",
    /is not in it$/,
  ],
  ["no layout file", () => tarOf(without(/^oci-layout$/)), "bad-data", /it has no "oci-layout"$/],
  ["nothing", () => tarOf([]), "bad-data", /it is neither an OCI layout nor of docker save$/],
  ["a cut archive", () => tarOf(layout()).slice(0, 3000), "bad-data", /cut off within an entry$/],
  ["what is not an archive", () => encode("#!/bin/sh\n".repeat(200)), "bad-data", /./],
  [
    "a damaged gzip",
    () => concat(new Uint8Array(gzipSync(tarOf(layout()))).slice(0, 500), new Uint8Array(50)),
    "bad-data",
    /it is compressed, and damaged$/,
  ],
  [
    "xz",
    () => concat(Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), new Uint8Array(600)),
    "unsupported",
    /xz and bzip2 are not known$/,
  ],
  [
    "a bomb",
    () => new Uint8Array(gzipSync(tarOf([{ path: "zeros", content: new Uint8Array(30_000_000) }]))),
    "too-large",
    /it has more than 20 MiB$/,
  ],
  [
    "a manifest.json that lies about layers",
    () =>
      tarOf(
        oldDockerArchive([{ path: "1.tar", content: plainLayers()[0]! }], ["1.tar", "1.tar"], null),
      ),
    "bad-data",
    /it has another diff ID$/,
  ],
  [
    "a manifest.json that names what is not there",
    () => tarOf(oldDockerArchive([], ["/etc/passwd", "../x"], null)),
    "bad-data",
    /"\/etc\/passwd" is not in it$/,
  ],
  [
    "links in a circle",
    () =>
      tarOf(oldDockerArchive(
        [
          { path: "1.tar", type: "symlink", linkTarget: "2.tar" },
          { path: "2.tar", type: "symlink", linkTarget: "1.tar" },
        ],
        ["1.tar", "2.tar"],
        null,
      )),
    "bad-data",
    /is not in it$/,
  ],
];

Deno.test("load() refuses hostile and damaged archives, and keeps nothing of them", async (t) => {
  for (const [name, make, code, message] of HOSTILE) {
    await t.step(name, async () => {
      await using home = await testHome();
      const images = await home.images({ limits: { archiveBytes: 20 * 2 ** 20 } });
      const bytes = make();
      await assert.rejects(loadBytes(images, bytes), (error) => {
        assert.ok(error instanceof CtrError, String(error));
        assert.match(error.message, message);
        assert.match(error.message, /^cannot load the archive: /);
        return error.code === code;
      });
      assert.deepEqual(await home.files(), ["content/index.json", "content/oci-layout"]);
    });
  }
});

Deno.test("load() skips what is unsafe when it is told to", async () => {
  await using home = await testHome();
  const images = await home.images();
  const archive = tarOf([{ path: "../evil", content: encode("x") }, ...layout()]);
  const loaded = await loadBytes(images, archive, { skipUnsafe: true });
  assert.deepEqual(loaded.skipped, ["../evil"]);
  assert.equal(loaded.images.length, 1);
});

Deno.test("load() refuses links in a folder", async () => {
  await using home = await testHome();
  const folder = await Deno.makeTempDir({ prefix: "ctr-image-" });
  try {
    await Deno.mkdir(`${folder}/blobs/sha256`, { recursive: true });
    await Deno.symlink("/etc/passwd", `${folder}/index.json`);
    const images = await home.images();
    await assert.rejects(images.load({ kind: "directory", path: folder }), {
      code: "bad-data",
      message: `cannot load "${folder}": "index.json": it is not a plain file`,
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("load() meets random archives with an error that says so", async () => {
  await using home = await testHome();
  const images = await home.images();
  const json = fc.jsonValue().map(encode);
  const member = fc.record({
    path: fc.constantFrom("index.json", "manifest.json", "oci-layout", "a", "blobs/sha256/x"),
    content: fc.oneof(json, fc.uint8Array({ maxLength: 600 })),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(member, { maxLength: 4 }), async (entries) => {
      const bytes = tarOf(entries.map(({ path, content }) => ({ path, content: concat(content) })));
      await assert.rejects(loadBytes(images, bytes), (error) => error instanceof CtrError);
    }),
    { numRuns: 100 },
  );
  assert.deepEqual(await home.files(), ["content/index.json", "content/oci-layout"]);
});

Deno.test("save() of an image that is not here says so before it writes", async () => {
  await using home = await testHome();
  const images = await home.images();
  await assert.rejects(Array.fromAsync(images.save(["nope"])), {
    code: "not-found",
    message: 'cannot save "nope:latest": there is no such image',
  });
});

Deno.test("an image that is being made is not collected", async () => {
  await using home = await testHome();
  const images = await home.images();
  const lease = await images.lease();
  const written = [];
  for (const bytes of IMAGE.blobs.values()) {
    written.push(await images.writeBlob(bytes, "application/octet-stream", { lease }));
  }
  assert.deepEqual((await images.prune({ all: true })).deleted, []);
  await images.register("made:1", IMAGE.target);
  await lease[Symbol.asyncDispose]();
  assert.deepEqual((await images.prune()).deleted, []);
  assert.equal((await images.resolveForRun("made:1", AMD64)).layerDisks.length, 2);
  assert.equal((await images.remove(["made:1"])).deleted.length, written.length);
});

Deno.test("the JSON object of an image has its documented form", async () => {
  await using home = await testHome();
  const images = await home.images();
  await loadBytes(images, tarOf(layout()));
  const object = await images.inspect("app:1");
  const { creationDate } = object.configuration;
  assert.match(creationDate, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(JSON.parse(JSON.stringify(object)), {
    id: IMAGE.target.digest.slice(7),
    configuration: {
      name: "docker.io/library/app:1",
      creationDate,
      descriptor: { ...IMAGE.target },
    },
    variants: [{
      platform: { os: "linux", architecture: "amd64" },
      digest: IMAGE.target.digest,
      size: [...IMAGE.blobs.values()].reduce((sum, { length }) => sum + length, 0),
      config: object.variants[0]!.config,
    }],
  });
  assert.equal(object.variants[0]!.config["architecture"], "amd64");
  const usage = await images.diskUsage();
  assert.deepEqual([usage.total, usage.active], [1, 0]);
  assert.ok(usage.reclaimable === usage.sizeInBytes && usage.sizeInBytes > 0);
});
