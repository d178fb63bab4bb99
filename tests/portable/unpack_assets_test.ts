import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { unpackAssets } from "../../scripts/unpack_assets.js";

const EMBEDDED = new Map([["assets/kernel", "a kernel"], ["assets/netd", "a program"]]);
const SUMS = [...EMBEDDED].map(([path, text]) => `${sum(text)}  ${path}\n`).join("");

function sum(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** What `deno compile` embeds, and how often it was read. */
function embedded(files = EMBEDDED) {
  const read: string[] = [];
  return {
    read,
    get: (path: string) => {
      read.push(path);
      return new TextEncoder().encode(files.get(path));
    },
  };
}

Deno.test("what deno compile embeds is unpacked by content", async (t) => {
  const cache = await Deno.makeTempDir({ prefix: "ctr-assets-" });
  let folder = "";
  const again = () => {
    const { read, get } = embedded();
    folder = unpackAssets(SUMS, get, cache);
    return read;
  };
  const names = async () =>
    (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();

  await t.step("once", async () => {
    assert.deepEqual(again(), ["assets/kernel", "assets/netd"]);
    assert.deepEqual(again(), []);
    assert.equal(await Deno.readTextFile(join(folder, "kernel")), "a kernel");
    assert.deepEqual(await names(), ["complete", "kernel", "netd"]);
  });
  await t.step("again where a file was changed, by a new file", async () => {
    const { ino } = await Deno.stat(join(folder, "netd"));
    await Deno.writeTextFile(join(folder, "netd"), "a longer program");
    assert.deepEqual(again(), ["assets/netd"]);
    assert.equal(await Deno.readTextFile(join(folder, "netd")), "a program");
    assert.notEqual((await Deno.stat(join(folder, "netd"))).ino, ino);
  });
  await t.step("again where a file is gone or was left half", async () => {
    await Deno.remove(join(folder, "kernel"));
    await Deno.writeTextFile(join(folder, "netd"), "a pro");
    assert.deepEqual(again(), ["assets/kernel", "assets/netd"]);
  });
  await t.step("and not where it was only touched, or the list is lost", async () => {
    await Deno.utime(join(folder, "kernel"), 1, 1);
    assert.deepEqual(again(), []);
    await Deno.writeTextFile(join(folder, "complete"), "{");
    assert.deepEqual(again(), []);
    assert.deepEqual(again(), []);
  });
  await t.step("never if it is not what was embedded", () => {
    const { get } = embedded(new Map([...EMBEDDED, ["assets/netd", "evil"]]));
    assert.throws(() => unpackAssets(SUMS, get, join(cache, "other")), /damaged/);
  });
  await Deno.remove(cache, { recursive: true });
});
