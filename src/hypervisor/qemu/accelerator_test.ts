import assert from "node:assert/strict";
import { join } from "node:path";
import { CtrError } from "../../core/mod.ts";
import { hostArchitecture } from "../../host/mod.ts";
import { chooseAccelerator } from "./accelerator.ts";
import type { ProbeOutcome } from "./probe.ts";

const own = hostArchitecture();
const binary = { path: "/usr/bin/qemu", version: "7.2.0" };

Deno.test("chooseAccelerator()", async (t) => {
  await t.step("takes KVM when the probe guest ran, and asks it once", async () => {
    await using home = await stateWith("kvm");
    let asked = 0;
    const options = home.options(() => (asked++, { works: true }));
    assert.deepEqual(await chooseAccelerator(own, options), { accelerator: "kvm" });
    assert.deepEqual(await chooseAccelerator(own, options), { accelerator: "kvm" });
    assert.equal(asked, 1);
  });
  await t.step("asks again for another QEMU", async () => {
    await using home = await stateWith("kvm");
    let asked = 0;
    const options = home.options(() => (asked++, { works: true }));
    await chooseAccelerator(own, options);
    const kvm = { ...options.kvm, binary: { ...binary, version: "10.0.0" } };
    await chooseAccelerator(own, { ...options, kvm });
    assert.equal(asked, 2);
  });
  await t.step("emulates when the guest does not run, and says so once", async () => {
    await using home = await stateWith("kvm");
    const options = home.options(() => ({ works: false, reason: "a guest does not run" }));
    const first = await chooseAccelerator(own, options);
    assert.equal(first.accelerator, "tcg");
    assert.match(first.notice ?? "", /^guests run in emulation.*opens but a guest does not run/);
    assert.equal((await chooseAccelerator(own, options)).notice, undefined);
  });
  await t.step("keeps the notice owed when a doctor asks", async () => {
    await using home = await stateWith("kvm");
    const options = home.options(() => ({ works: false, reason: "a guest does not run" }));
    assert.equal((await chooseAccelerator(own, options, { tell: false })).notice, undefined);
    assert.notEqual((await chooseAccelerator(own, options)).notice, undefined);
  });
  await t.step("names the device that is missing", async () => {
    await using home = await stateWith(undefined);
    const { accelerator, reason } = await chooseAccelerator(own, home.options());
    assert.equal(accelerator, "tcg");
    assert.match(reason!, /^there is no .*kvm$/);
  });
  await t.step("refuses KVM for another processor", async () => {
    await using home = await stateWith("kvm");
    const { accelerator, reason, notice } = await chooseAccelerator(
      own === "amd64" ? "arm64" : "amd64",
      home.options(() => ({ works: true })),
    );
    assert.equal(accelerator, "tcg");
    assert.match(reason!, /processor is not/);
    assert.equal(notice, undefined);
  });
  await t.step("fails when KVM is asked for and does not work", async () => {
    await using home = await stateWith(undefined);
    await assert.rejects(
      chooseAccelerator(own, { ...home.options(), accelerator: "kvm" }),
      (error) => error instanceof CtrError && error.code === "unavailable",
    );
  });
  await t.step("forgets a memory that it cannot read", async () => {
    await using home = await stateWith("kvm");
    await Deno.mkdir(join(home.folder, "state"));
    await Deno.writeTextFile(join(home.folder, "state/accelerator.json"), "{");
    const { accelerator } = await chooseAccelerator(own, home.options(() => ({ works: true })));
    assert.equal(accelerator, "kvm");
  });
});

async function stateWith(device: string | undefined) {
  const folder = await Deno.makeTempDir();
  if (device !== undefined) await Deno.writeTextFile(join(folder, device), "");
  return {
    folder,
    options: (probe: () => ProbeOutcome = () => assert.fail("the probe was run")) => ({
      stateFolder: join(folder, "state"),
      kvm: { device: join(folder, "kvm"), binary, probe: () => Promise.resolve(probe()) },
    }),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}
