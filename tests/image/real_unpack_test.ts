import assert from "node:assert/strict";
import { CtrError } from "../../src/core/mod.ts";
import { type Digest, parsePlatform } from "../../src/oci/mod.ts";
import { cutAfter, FakeRegistry, isBlob } from "./support/fake_registry.ts";
import { testHome } from "./support/home.ts";
import { sampleImage } from "./support/samples.ts";
import { testWith } from "./support/tools.ts";

const AMD64 = parsePlatform("linux/amd64");
const REAL = { unpacker: () => import("../../src/unpack/mod.ts") };
const IMAGE = sampleImage({ layers: 3, bytesPerLayer: 3_000_000 });

testWith(
  { tools: ["e2fsck", "debugfs"] },
  "with real disks: a lying registry, a broken connection, a signal, a long image",
  async (t) => {
    await t.step("bytes with another digest make no disk", async () => {
      await using registry = new FakeRegistry();
      await using home = await testHome();
      const reference = registry.add("app:1", IMAGE);
      registry.faults.push((asked) => {
        const bytes = isBlob(asked) && IMAGE.blobs.get(asked.path.split("/").at(-1) as Digest);
        if (!bytes || bytes.length < 1_000_000) return undefined;
        const other = bytes.slice();
        other[other.length - 5]! ^= 1; // in the trailer, so that only the digest tells
        return new Response(other);
      });
      const images = await home.images(REAL);
      await assert.rejects(images.pull(reference, { platform: AMD64 }), (error) => {
        assert.ok(error instanceof CtrError && error.code === "bad-data", String(error));
        assert.match(error.message, /^cannot pull "[^"]+": /);
        return true;
      });
      assert.deepEqual((await home.files()).filter((path) => path.startsWith("layers/")), []);
      assert.deepEqual(await home.leftOvers(), []);
    });

    await t.step("breaks in the middle are taken up by ranges", async () => {
      await using registry = new FakeRegistry();
      await using home = await testHome();
      const reference = registry.add("app:1", IMAGE);
      let cuts = 6;
      registry.faults.push((asked, normal) =>
        isBlob(asked) && cuts-- > 0 ? cutAfter(700_000, normal()) : undefined
      );
      const images = await home.images(REAL);
      await images.pull(reference, { platform: AMD64 });
      for (const disk of (await images.resolveForRun(reference, AMD64)).layerDisks) {
        const { success } = await new Deno.Command("e2fsck", { args: ["-fn", disk] }).output();
        assert.ok(success);
      }
    });

    await t.step("a signal in the middle leaves nothing but what can be taken up", async () => {
      await using registry = new FakeRegistry();
      await using home = await testHome();
      const reference = registry.add("app:1", IMAGE);
      const abort = new AbortController();
      const images = await home.images(REAL);
      const onProgress = (event: { kind: string; phase?: string; current?: number }) => {
        if (event.phase === "downloading" && event.current! > 1_000_000) {
          abort.abort(new CtrError("cancelled", "stopped"));
        }
      };
      await assert.rejects(
        images.pull(reference, { platform: AMD64, signal: abort.signal, onProgress }),
        { code: "cancelled" },
      );
      assert.deepEqual((await home.leftOvers()).filter((path) => !path.endsWith(".partial")), []);
      await images.sweep({ partialMs: 0 });
      assert.deepEqual(await home.leftOvers(), []);
      await images.pull(reference, { platform: AMD64 });
    });

    await t.step("twelve layers become eight sound disks", async () => {
      await using registry = new FakeRegistry();
      await using home = await testHome();
      const reference = registry.add("app:1", sampleImage({ layers: 12 }));
      const images = await home.images(REAL);
      await images.pull(reference, { platform: AMD64 });
      const { layerDisks } = await images.resolveForRun(reference, AMD64);
      assert.equal(layerDisks.length, 8);
      for (const disk of layerDisks) {
        const { success } = await new Deno.Command("e2fsck", { args: ["-fn", disk] }).output();
        assert.ok(success);
      }
      const { stdout } = await new Deno.Command("debugfs", {
        args: ["-R", "ls -p /etc", layerDisks[0]!],
      }).output();
      const names = new TextDecoder().decode(stdout);
      for (let at = 0; at < 5; at++) assert.match(names, new RegExp(`/s-${at}/`));
    });
  },
);
