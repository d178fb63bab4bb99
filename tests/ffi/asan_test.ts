/**
 * The shim's tests once more, with every access to memory watched.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { FFI, output } from "./facts.ts";
import { copySource } from "./source.ts";
import { built } from "./shim.ts";

const CONTRACT = new URL("../contract/", import.meta.url).pathname;
const TEST = new URL("shim_test.ts", import.meta.url).pathname;

Deno.test("the shim touches no memory that is not its own", async () => {
  const { success, text } = await watched(await built("standin-asan"));
  assert(success, text);
  assert(!text.includes("AddressSanitizer"), text);
});

Deno.test("the driver's contract suite passes with monitors that are watched", async () => {
  const reports = await Deno.makeTempDir({ prefix: "ctr-asan-" });
  try {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", "--quiet", "--filter=contract of vz", CONTRACT],
      env: {
        NO_COLOR: "1",
        CTR_TEST_SANITIZER: await built("asan-runtime"),
        CTR_TEST_REPORTS: reports,
      },
    }).output();
    const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
    assert(success, text);
    assert.match(text, /contract of vz \.\.\. ok/);
    for (const { name } of Deno.readDirSync(reports)) {
      assert.fail(await Deno.readTextFile(join(reports, name)));
    }
  } finally {
    await Deno.remove(reports, { recursive: true });
  }
});

Deno.test("an object that is released once too often is found", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ctr-asan-" });
  try {
    await copySource(folder);
    const source = join(folder, "ffi/ctrvz.m");
    const text = await Deno.readTextFile(source);
    const planted = text.replace("[configuration release];", "$&\n    [configuration release];");
    assert.notEqual(planted, text);
    await Deno.writeTextFile(source, planted);
    const path = (await output(join(folder, "ffi/build"), "standin-asan")).trim();
    const run = await watched(path);
    assert(!run.success);
    assert.match(run.text, /ERROR: AddressSanitizer/);
    assert.match(run.text, /CTRMachine__dealloc .*ctrvz\.m:\d+/);
    await Deno.remove(join(path, ".."), { recursive: true });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function watched(library: string): Promise<{ success: boolean; text: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", "--quiet", TEST],
    cwd: join(FFI, ".."),
    env: {
      NO_COLOR: "1",
      CTR_VZ_LIBRARY: library,
      LD_PRELOAD: await built("asan-runtime"),
      // Deno's own memory is not ours to judge.
      ASAN_OPTIONS: "detect_leaks=0,verify_asan_link_order=0,handle_segv=1",
    },
  }).output();
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  return { success, text };
}
