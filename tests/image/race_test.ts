import assert from "node:assert/strict";
import { isCtrError } from "../../src/core/mod.ts";
import { digestOf, parsePlatform } from "../../src/oci/mod.ts";
import { FakeRegistry } from "./support/fake_registry.ts";
import { testHome } from "./support/home.ts";
import { sampleImage } from "./support/samples.ts";

const AMD64 = parsePlatform("linux/amd64");

Deno.test("pulls, removals and sweeps at once leave every image that is listed whole", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  // Images of 2, 3, 4 and 10 layers that share what they can, the last with a merged disk.
  const references = [2, 3, 4, 10].map((layers) =>
    registry.add(`app${layers}:1`, sampleImage({ layers }))
  );
  const images = await home.images();
  let pulls = 0;
  const worker = async (seed: number) => {
    for (let round = 0; round < 12; round++) {
      const reference = references[(seed + round) % references.length]!;
      try {
        if ((seed + round) % 3 === 0) await images.remove([reference]);
        else await images.pull(reference, { platform: AMD64 });
        pulls++;
        if (round % 4 === 0) await images.sweep();
        await images.resolveForRun(reference, AMD64);
      } catch (error) {
        // Another worker has removed it meanwhile; nothing else may go wrong.
        assert.ok(isCtrError(error, "not-found"), `${error}\n${(error as Error).stack}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 6 }, (_, seed) => worker(seed)));
  assert.ok(pulls > 20);
  for (const { reference } of await images.list()) {
    const asked = registry.asked.length;
    const { layerDisks, layers } = await images.resolveForRun(reference, AMD64);
    assert.ok(layerDisks.length === Math.min(layers.length, 8));
    for (const { digest, path } of layers) {
      assert.equal(digestOf(await Deno.readFile(path)), digest);
    }
    assert.equal(registry.asked.length, asked);
  }
  await images.remove((await images.list()).map(({ reference }) => reference));
  assert.deepEqual(await home.files(), ["content/index.json", "content/oci-layout"]);
});

Deno.test("two processes that pull the same image fetch each blob once", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const reference = registry.add("app:1", sampleImage({ layers: 4, bytesPerLayer: 300_000 }));
  const script = new URL("./support/pull_process.ts", import.meta.url).pathname;
  const pull = () =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script, home.path, reference],
    }).output();
  for (const { success, stderr } of await Promise.all([pull(), pull()])) {
    assert.ok(success, new TextDecoder().decode(stderr));
  }
  const asked = registry.blobsAsked();
  assert.equal(new Set(asked).size, asked.length);
  assert.deepEqual(await home.leftOvers(), []);
});

Deno.test("pull() mends blobs that are gone or damaged, and makes no disk twice", async (t) => {
  const image = sampleImage({ layers: 2, bytesPerLayer: 20_000 });
  const [layer] = image.layers;
  const damage: [string, (path: string) => Promise<void>, boolean][] = [
    ["a layer that is gone", (path) => Deno.remove(path), true],
    ["a layer that has changed, when its disk is needed", async (path) => {
      const bytes = await Deno.readFile(path);
      bytes[100]! ^= 1;
      await Deno.writeFile(path, bytes);
    }, false],
  ];
  for (const [name, harm, keepsDisk] of damage) {
    await t.step(name, async () => {
      await using registry = new FakeRegistry();
      await using home = await testHome();
      const reference = registry.add("app:1", image);
      const images = await home.images();
      await images.pull(reference, { platform: AMD64 });
      const { layerDisks: [disk] } = await images.resolveForRun(reference, AMD64);
      const before = await Deno.stat(disk!);
      await harm(await images.blobPath(layer!.digest));
      if (!keepsDisk) await Deno.remove(disk!);
      await images.pull(reference, { platform: AMD64 });
      const path = await images.blobPath(layer!.digest);
      assert.equal(digestOf(await Deno.readFile(path)), layer!.digest);
      assert.equal((await Deno.stat(disk!)).ino === before.ino, keepsDisk);
    });
  }
  await t.step("a manifest that has changed", async () => {
    await using registry = new FakeRegistry();
    await using home = await testHome();
    const reference = registry.add("app:1", image);
    const images = await home.images();
    await images.pull(reference, { platform: AMD64 });
    await Deno.writeTextFile(await images.blobPath(image.target.digest), "{}");
    await assert.rejects(images.resolveForRun(reference, AMD64), { code: "bad-data" });
    await images.pull(reference, { platform: AMD64 });
    await images.resolveForRun(reference, AMD64);
    await Deno.writeTextFile(await images.blobPath(image.target.digest), "{}");
    await images.remove([reference]);
    assert.deepEqual(await home.files(), ["content/index.json", "content/oci-layout"]);
  });
});

Deno.test("pull() without unpacking makes blobs alone; the disks come when they are needed", async () => {
  await using registry = new FakeRegistry();
  await using home = await testHome();
  const reference = registry.add("app:1", sampleImage({ layers: 10 }));
  const images = await home.images();
  await images.pull(reference, { platform: AMD64, unpack: false });
  const disks = async () =>
    (await home.files()).filter((path) => path.startsWith("layers/")).length;
  assert.equal(await disks(), 0);
  assert.equal((await images.resolveForRun(reference, AMD64)).layerDisks.length, 8);
  assert.equal(await disks(), 8);
});
