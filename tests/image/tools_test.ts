import { DatabaseSync } from "node:sqlite";
import assert from "node:assert/strict";
import { type Images, openImages } from "../../src/image/mod.ts";
import { digestOf, MEDIA_TYPE, parsePlatform } from "../../src/oci/mod.ts";
import { FakeRegistry } from "./support/fake_registry.ts";
import { testHome } from "./support/home.ts";
import { type SampleImage, sampleImage, writeLayout } from "./support/samples.ts";
import { realRegistry, run, skopeo, tempFolder, testWith } from "./support/tools.ts";

const AMD64 = parsePlatform("linux/amd64");
const TOOLS = { tools: ["docker-registry", "skopeo", "e2fsck", "gzip", "zstd"] };
const REAL = { unpacker: () => import("../../src/unpack/mod.ts") };

/** The digest of the manifest that skopeo sees. */
async function seenDigest(transport: string): Promise<string> {
  return digestOf(await skopeo("inspect", "--raw", transport));
}

async function fill(images: Images, path: string, references: string[], format: "oci" | "docker") {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  for await (const bytes of images.save(references, { format, platform: AMD64 })) {
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  }
}

for (const compression of ["gzip", "zstd", "none"] as const) {
  testWith(TOOLS, `a real registry, our store and skopeo agree (${compression})`, async () => {
    await using registry = await realRegistry();
    await using folder = await tempFolder();
    await using home = await testHome();
    const image = sampleImage({ compression, layers: 3, bytesPerLayer: 50_000 });
    const reference = `${registry.host}/team/app:1`;
    await writeLayout(`${folder.path}/made`, image, "app");
    await push(`${folder.path}/made:app`, reference, "--preserve-digests");

    const images = await home.images(REAL);
    const pulled = await images.pull(reference, { platform: AMD64 });
    assert.equal(pulled.descriptor.digest, image.target.digest);
    const { layerDisks } = await images.resolveForRun(reference, AMD64);
    assert.equal(layerDisks.length, 3);
    for (const disk of layerDisks) await run("e2fsck", "-fn", disk);

    const store = `oci:${home.path}/content:${reference}`;
    assert.equal(await seenDigest(store), image.target.digest);
    await skopeo("copy", "--preserve-digests", store, `oci:${folder.path}/back:app`);
    assert.equal(await seenDigest(`oci:${folder.path}/back:app`), image.target.digest);

    const archive = `${folder.path}/oci.tar`;
    await fill(images, archive, [reference], "oci");
    assert.equal(await seenDigest(`oci-archive:${archive}`), image.target.digest);
    await skopeo(
      "copy",
      "--preserve-digests",
      `oci-archive:${archive}`,
      `oci:${folder.path}/two:app`,
    );
    await dockerArchive(images, reference, image, folder.path);
  });
}

testWith(TOOLS, "a real registry, our store and skopeo agree (Docker schema 2)", async () => {
  await using registry = await realRegistry();
  await using folder = await tempFolder();
  await using home = await testHome();
  const image = sampleImage({ layers: 3, bytesPerLayer: 50_000 });
  const reference = `${registry.host}/team/app:1`;
  await writeLayout(`${folder.path}/made`, image, "app");
  await push(`${folder.path}/made:app`, reference, "--format", "v2s2");
  const images = await home.images(REAL);
  const { descriptor } = await images.pull(reference, { platform: AMD64 });
  assert.equal(descriptor.mediaType, MEDIA_TYPE.dockerManifest);
  const raw = await skopeo("inspect", "--tls-verify=false", "--raw", `docker://${reference}`);
  assert.equal(descriptor.digest, digestOf(raw));
  await dockerArchive(images, reference, image, folder.path);
});

/** Saves in Docker's format, has skopeo read it, and loads it into another store. */
async function dockerArchive(
  images: Images,
  reference: string,
  image: SampleImage,
  folder: string,
) {
  const archive = `${folder}/docker.tar`;
  await fill(images, archive, [reference], "docker");
  await skopeo("copy", `docker-archive:${archive}:${reference}`, `dir:${folder}/dir`);
  const config = JSON.parse(await skopeo("inspect", "--config", `docker-archive:${archive}`));
  assert.deepEqual(config.rootfs.diff_ids, image.diffIds);
  await using other = await testHome();
  const loaded = await (await other.images(REAL)).load({ kind: "file", path: archive });
  const before = await images.find(reference);
  assert.deepEqual(
    loaded.images.map(({ reference, descriptor }) => [reference, descriptor.digest]),
    [[reference, before!.descriptor.digest]],
  );
}

/** @param layout Path and name of an image in an OCI layout. */
async function push(layout: string, reference: string, ...options: string[]) {
  await skopeo(
    "copy",
    "--dest-tls-verify=false",
    ...options,
    `oci:${layout}`,
    `docker://${reference}`,
  );
}

testWith(TOOLS, "load() takes what skopeo writes, plain and compressed", async () => {
  await using folder = await tempFolder();
  const image = sampleImage({ layers: 3, bytesPerLayer: 30_000 });
  await writeLayout(`${folder.path}/made`, image, "app");
  const source = `oci:${folder.path}/made:app`;
  await skopeo("copy", source, `oci-archive:${folder.path}/oci.tar:localhost/app:1`);
  await skopeo("copy", source, `docker-archive:${folder.path}/docker.tar:localhost/app:2`);
  for (const name of ["oci", "docker"]) {
    await run("gzip", "-k", `${folder.path}/${name}.tar`);
    await run("zstd", "-q", "-k", `${folder.path}/${name}.tar`);
  }
  for (const suffix of ["", ".gz", ".zst"]) {
    await using home = await testHome();
    const images = await home.images(REAL);
    const oci = await images.load({ kind: "file", path: `${folder.path}/oci.tar${suffix}` });
    assert.deepEqual(oci.images.map(({ reference }) => reference), ["localhost/app:1"]);
    assert.equal(oci.images[0]!.descriptor.digest, image.target.digest);
    const docker = await images.load({ kind: "file", path: `${folder.path}/docker.tar${suffix}` });
    assert.deepEqual(docker.images.map(({ reference }) => reference), ["localhost/app:2"]);
    const [one, two] = [
      await images.resolveForRun("localhost/app:1", AMD64),
      await images.resolveForRun("localhost/app:2", AMD64),
    ];
    assert.deepEqual(
      one.layerDisks,
      two.layerDisks,
      "the same layers, however they are compressed",
    );
    assert.equal(one.configDigest, two.configDigest);
    const directory = await images.load({ kind: "directory", path: `${folder.path}/made` });
    assert.deepEqual(directory.images.map(({ familiar }) => familiar), ["app:latest"]);
    assert.deepEqual(await home.leftOvers(), []);
  }
});

testWith(
  { tools: ["docker-registry", "skopeo", "umoci"], root: true },
  "umoci's images are pulled, and umoci unpacks from our store",
  async () => {
    await using registry = await realRegistry();
    await using folder = await tempFolder();
    await using home = await testHome();
    const layout = `${folder.path}/layout`;
    await run("umoci", "init", "--layout", layout);
    await run("umoci", "new", "--image", `${layout}:app`);
    for (const name of ["one", "two"]) {
      const bundle = `${folder.path}/bundle-${name}`;
      await run("umoci", "unpack", "--image", `${layout}:app`, bundle);
      await Deno.mkdir(`${bundle}/rootfs/etc`, { recursive: true });
      await Deno.writeTextFile(`${bundle}/rootfs/etc/${name}`, name);
      await run("umoci", "repack", "--image", `${layout}:app`, bundle);
    }
    await run(
      "umoci",
      "config",
      "--image",
      `${layout}:app`,
      "--config.cmd",
      "/bin/true",
      "--config.user",
      "1000:1000",
    );
    const reference = `${registry.host}/umoci:1`;
    await skopeo("copy", "--dest-tls-verify=false", `oci:${layout}:app`, `docker://${reference}`);
    const images = await home.images(REAL);
    await images.pull(reference, { platform: AMD64 });
    const resolved = await images.resolveForRun(reference, AMD64);
    assert.equal(resolved.config.config?.User, "1000:1000");
    await skopeo("copy", `oci:${home.path}/content:${reference}`, `oci:${folder.path}/back:app`);
    await run("umoci", "unpack", "--image", `${folder.path}/back:app`, `${folder.path}/bundle`);
    assert.equal(await Deno.readTextFile(`${folder.path}/bundle/rootfs/etc/two`), "two");
  },
);

testWith(TOOLS, "an index with several platforms is served and saved whole", async () => {
  await using registry = await realRegistry();
  await using folder = await tempFolder();
  await using home = await testHome();
  const image = sampleImage({ platforms: ["linux/amd64", "linux/arm64"] });
  await writeLayout(`${folder.path}/made`, image, "app");
  const reference = `${registry.host}/app:1`;
  await skopeo(
    "copy",
    "--all",
    "--dest-tls-verify=false",
    `oci:${folder.path}/made:app`,
    `docker://${reference}`,
  );
  const images = await home.images(REAL);
  const { descriptor } = await images.pull(reference, { platform: "all" });
  assert.equal(descriptor.digest, image.target.digest);
  await skopeo(
    "copy",
    "--all",
    "--preserve-digests",
    `oci:${home.path}/content:${reference}`,
    `oci:${folder.path}/back:app`,
  );
  assert.equal(await seenDigest(`oci:${folder.path}/back:app`), image.target.digest);
  await using file = await tempFolder();
  using out = await Deno.open(`${file.path}/all.tar`, { write: true, create: true });
  for await (const bytes of images.save([reference])) await out.write(bytes);
  await skopeo(
    "copy",
    "--all",
    "--preserve-digests",
    `oci-archive:${file.path}/all.tar`,
    `oci:${folder.path}/saved:app`,
  );
  assert.equal(await seenDigest(`oci:${folder.path}/saved:app`), image.target.digest);
});

testWith(
  { tools: ["mount"], root: true },
  "a full disk is one sentence and leaves nothing",
  async () => {
    await using registry = new FakeRegistry();
    await using folder = await tempFolder();
    const reference = registry.add("big:1", sampleImage({ layers: 2, bytesPerLayer: 6_000_000 }));
    await run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder.path);
    try {
      const db = new DatabaseSync(":memory:");
      const home = `${folder.path}/home`;
      const images = await openImages({ home, db, registry: { credentials: [] } });
      await assert.rejects(images.pull(reference, { platform: AMD64 }), {
        code: "no-space",
        message: `cannot pull "${reference}": no space is left on the disk of "${home}"`,
      });
      await images.sweep();
      const left = await run("find", home, "-type", "f", "-size", "+0");
      assert.deepEqual(
        left.trim().split("\n").map((path) => path.slice(home.length + 1)).sort()
          .filter((path) =>
            !/^content\/blobs\/sha256\/[0-9a-f]{64}$|^layers\/[0-9a-f]{64}\.ext4$/.test(path)
          ),
        [
          "content/index.json",
          "content/oci-layout",
        ],
      );
      await images.prune({ all: true });
      assert.equal((await run("find", home, "-type", "f")).trim().split("\n").length, 2);
      db.close();
    } finally {
      await run("umount", folder.path);
    }
  },
);
