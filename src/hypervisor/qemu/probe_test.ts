import assert from "node:assert/strict";
import { findBinary } from "./binary.ts";
import { probeKvm } from "./probe.ts";

const installed = await findBinary("amd64").catch(() => undefined);

Deno.test({
  name: "probeKvm() runs its guest to the end where guests run, here in emulation",
  ignore: installed === undefined,
  async fn() {
    const emulate = ["-accel", "tcg", "-cpu", "max"];
    assert.deepEqual(await probeKvm("amd64", installed!, emulate), { works: true });
  },
});

Deno.test("probeKvm() says what a broken QEMU says, and never takes long", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/qemu`;
  try {
    await Deno.writeTextFile(path, "#!/bin/sh\necho 'qemu: no such register' >&2\nexit 1\n");
    await Deno.chmod(path, 0o755);
    const binary = { path, version: "7.2" };
    assert.match(JSON.stringify(await probeKvm("amd64", binary)), /no such register/);
    await Deno.writeTextFile(path, "#!/bin/sh\nexec sleep 60\n");
    const began = performance.now();
    assert.deepEqual(await probeKvm("amd64", binary), {
      works: false,
      reason: "a guest does not run to its end",
    });
    assert(performance.now() - began < 3000);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
