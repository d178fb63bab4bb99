import assert from "node:assert/strict";
import { digestOf, parsePlatform } from "../../src/oci/mod.ts";
import { FakeRegistry } from "./support/fake_registry.ts";
import { type TestHome, testHome } from "./support/home.ts";
import { sampleImage } from "./support/samples.ts";
import { testWith } from "./support/tools.ts";

const AMD64 = parsePlatform("linux/amd64");
const KILLS = 50;
const AT_ONCE = 2;
const SCRIPT = new URL("./support/pull_process.ts", import.meta.url).pathname;
const REAL = { unpacker: () => import("../../src/unpack/mod.ts") };

function start(home: TestHome, reference: string): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", SCRIPT, home.path, reference],
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

/** Lets a pull run for `ms` after it is ready, then kills it. @returns True if it was faster. */
async function killAfter(home: TestHome, reference: string, ms: number): Promise<boolean> {
  const child = start(home, reference);
  const reader = child.stdout.getReader();
  await reader.read(); // "ready"
  await new Promise((resolve) => setTimeout(resolve, ms));
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
  const { signal } = await child.status;
  await reader.cancel();
  return signal === null;
}

testWith(
  { tools: ["e2fsck"] },
  "a pull that is killed at any moment loses nothing and leaves nothing",
  async () => {
    await using registry = new FakeRegistry();
    const image = sampleImage({ layers: 4, bytesPerLayer: 400_000 });
    const reference = registry.add("app:1", image);
    const tookMs = await timeOf(reference);
    let finished = 0;
    const kills = Array.from({ length: KILLS }, (_, i) => (i / KILLS) * tookMs * 1.1);
    const worker = async () => {
      for (let ms = kills.shift(); ms !== undefined; ms = kills.shift()) {
        await using home = await testHome();
        if (await killAfter(home, reference, ms * (0.8 + Math.random() * 0.4))) finished++;
        await check(home, reference, image);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    console.error(`${KILLS} kills within ${Math.round(tookMs)} ms, ${finished} came too late`);
    assert.ok(finished < KILLS / 2, "most kills hit a pull that ran");
  },
);

async function timeOf(reference: string): Promise<number> {
  await using home = await testHome();
  const child = start(home, reference);
  const reader = child.stdout.getReader();
  await reader.read();
  const began = performance.now();
  await reader.read();
  const took = performance.now() - began;
  await reader.cancel();
  await child.status;
  return took;
}

async function check(home: TestHome, reference: string, image: ReturnType<typeof sampleImage>) {
  const images = await home.images(REAL);
  // What has its name is whole, whenever the kill came.
  for (const path of await home.files()) {
    const hex = /^content\/blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
    if (hex) assert.equal(digestOf(await Deno.readFile(`${home.path}/${path}`)), `sha256:${hex}`);
  }
  for (const { reference } of await images.list()) await images.resolveForRun(reference, AMD64);
  await images.sweep({ partialMs: 0 });
  assert.deepEqual(await home.leftOvers(), []);
  await images.pull(reference, { platform: AMD64 });
  const { layerDisks, layers } = await images.resolveForRun(reference, AMD64);
  assert.deepEqual(layers.map(({ diffId }) => diffId), image.diffIds);
  assert.equal(layerDisks.length, 4);
  for (const disk of layerDisks) {
    const { success } = await new Deno.Command("e2fsck", { args: ["-fn", disk] }).output();
    assert.ok(success, disk);
  }
  assert.deepEqual(await home.leftOvers(), []);
}
