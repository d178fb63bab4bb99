import assert from "node:assert/strict";
import type { PullProgress } from "../../src/image/mod.ts";
import { digestOf, parsePlatform } from "../../src/oci/mod.ts";
import { FakeRegistry } from "./support/fake_registry.ts";
import { testHome } from "./support/home.ts";
import { sampleImage } from "./support/samples.ts";

const AMD64 = parsePlatform("linux/amd64");

Deno.test("pull() keeps every blob under its digest and every layer as a disk", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const image = sampleImage({ layers: 3, platforms: ["linux/amd64", "linux/arm64"] });
  const reference = registry.add("team/app:1", image);
  const images = await home.images();
  const pulled = await images.pull(reference, { platform: AMD64 });
  assert.equal(pulled.reference, reference);
  assert.equal(pulled.descriptor.digest, image.target.digest);
  const resolved = await images.resolveForRun(reference, AMD64);
  assert.equal(resolved.layerDisks.length, 3);
  assert.deepEqual(resolved.config.config?.Cmd, ["/bin/sh"]);
  for (const [at, disk] of resolved.layerDisks.entries()) {
    assert.equal(digestOf(await Deno.readFile(disk)), image.diffIds[at]);
  }
  for (const { digest, path } of resolved.layers) {
    assert.equal(digestOf(await Deno.readFile(path)), digest);
  }
  assert.deepEqual(await home.leftOvers(), []);
});

Deno.test("pull() fetches no blob twice", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const reference = registry.add("app:1", sampleImage({ layers: 4 }));
  const images = await home.images();
  await Promise.all([
    images.pull(reference, { platform: AMD64 }),
    images.pull(reference, { platform: AMD64 }),
  ]);
  await images.pull(reference, { platform: AMD64 });
  const asked = registry.blobsAsked();
  assert.equal(asked.length, 5); // four layers and the configuration
  assert.equal(new Set(asked).size, 5);
});

Deno.test("pull() tells how far each layer has come", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const reference = registry.add("app:1", sampleImage({ layers: 2, bytesPerLayer: 3_000_000 }));
  const events: PullProgress[] = [];
  const onProgress = (event: PullProgress) => events.push(event);
  const images = await home.images();
  await images.pull(reference, { platform: AMD64, onProgress });
  assert.equal(events[0]?.kind, "resolved");
  const layers = events.flatMap((event) => event.kind === "layer" ? [event] : []);
  assert.deepEqual(
    new Set(layers.map(({ phase }) => phase)),
    new Set(["waiting", "downloading", "unpacking", "done"]),
  );
  assert.ok(layers.every(({ current, total }) => current <= total));
  events.length = 0;
  await images.pull(reference, { platform: AMD64, onProgress });
  assert.deepEqual(
    events.flatMap((e) => e.kind === "layer" && e.phase !== "waiting" ? [e.phase] : []),
    ["exists", "exists"],
  );
});

Deno.test("pull() of all platforms makes each of them usable", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const reference = registry.add(
    "app:1",
    sampleImage({ platforms: ["linux/amd64", "linux/arm64", "linux/arm/v7"] }),
  );
  const images = await home.images();
  const { platforms } = await images.pull(reference, { platform: "all" });
  assert.equal(platforms.length, 3);
  for (const text of ["linux/amd64", "linux/arm64/v8", "linux/arm/v7"]) {
    assert.equal((await images.resolveForRun(reference, parsePlatform(text))).layerDisks.length, 2);
  }
  assert.equal((await images.inspect(reference)).variants.length, 3);
});

Deno.test("pull() merges the lower layers of a long image into one disk", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const image = sampleImage({ layers: 12 });
  const reference = registry.add("app:1", image);
  const images = await home.images();
  await images.pull(reference, { platform: AMD64 });
  const { layerDisks } = await images.resolveForRun(reference, AMD64);
  assert.equal(layerDisks.length, 8);
  const disks = (await home.files()).filter((path) => path.startsWith("layers/"));
  assert.equal(disks.length, 8, "the parts of the merged disk are gone");
  const before = await Deno.stat(layerDisks[0]!);
  await images.pull(reference, { platform: AMD64 });
  assert.equal((await Deno.stat(layerDisks[0]!)).ino, before.ino, "it is not merged again");
  assert.equal((await home.files()).filter((path) => path.startsWith("layers/")).length, 8);
});

Deno.test("resolveForRun() makes a missing disk again from its blob", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const image = sampleImage();
  const reference = registry.add("app:1", image);
  const images = await home.images();
  await images.pull(reference, { platform: AMD64 });
  const [disk] = (await images.resolveForRun(reference, AMD64)).layerDisks;
  await Deno.remove(disk!);
  const asked = registry.asked.length;
  await images.resolveForRun(reference, AMD64);
  assert.equal(digestOf(await Deno.readFile(disk!)), image.diffIds[0]);
  assert.equal(registry.asked.length, asked, "the registry is not asked");
});

Deno.test("two images share the layers that they share", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const first = registry.add("a:1", sampleImage({ layers: 3 }));
  const second = registry.add("b:1", sampleImage({ layers: 4 }));
  const images = await home.images();
  await images.pull(first, { platform: AMD64 });
  registry.asked.length = 0;
  await images.pull(second, { platform: AMD64 });
  assert.equal(registry.blobsAsked().length, 2); // the new layer and the configuration
  const [one, two] = [
    await images.resolveForRun(first, AMD64),
    await images.resolveForRun(second, AMD64),
  ];
  assert.deepEqual(two.layerDisks.slice(0, 3), one.layerDisks);
});

Deno.test("remove() deletes what no other image needs", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const first = registry.add("a:1", sampleImage({ layers: 3 }));
  const second = registry.add("b:1", sampleImage({ layers: 4 }));
  const images = await home.images();
  await images.pull(first, { platform: AMD64 });
  await images.pull(second, { platform: AMD64 });
  const removed = await images.remove([second]);
  assert.deepEqual(removed.untagged, [second]);
  assert.equal(removed.deleted.length, 3); // manifest, configuration, one layer
  assert.ok(removed.reclaimedBytes > 0);
  assert.equal((await images.resolveForRun(first, AMD64)).layerDisks.length, 3);
  await images.remove([first]);
  assert.deepEqual(await home.files(), ["content/index.json", "content/oci-layout"]);
});

Deno.test("remove() refuses an image that a container uses, unless forced, and keeps its blobs", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const image = sampleImage();
  const reference = registry.add("a:1", image);
  const images = await home.images({ usedManifests: () => [image.target.digest] });
  await images.pull(reference, { platform: AMD64 });
  await assert.rejects(images.remove([reference]), { code: "invalid-state" });
  await images.tag(reference, `${registry.host}/a:2`);
  assert.deepEqual((await images.remove([reference])).deleted, []);
  assert.deepEqual((await images.remove([`${registry.host}/a:2`], { force: true })).deleted, []);
  const resolved = await images.resolveManifest(image.target.digest, reference);
  assert.equal(resolved.layerDisks.length, 2);
});

Deno.test("the table of images is made again from the layout", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const reference = registry.add("a:1", sampleImage());
  const images = await home.images();
  await images.pull(reference, { platform: AMD64 });
  const before = await images.list();
  for (const name of ["state.db", "state.db-wal", "state.db-shm"]) {
    await Deno.remove(`${home.path}/${name}`).catch(() => {});
  }
  assert.deepEqual(await (await home.images()).list(), before);
});
