import assert from "node:assert/strict";
import { CtrError } from "../../core/mod.ts";
import type { Nic, VmConfig } from "../hypervisor.ts";
import { planVm, vmnetOf } from "./plan.ts";
import { PanicWatch } from "./panic_watch.ts";
import { faultError } from "./faults.ts";

const CONFIG: VmConfig = {
  id: "a",
  folder: "/vm",
  architecture: "arm64",
  kernel: "/kernel",
  kernelArguments: ["x=1"],
  bootDisk: "/boot.ext4",
  disks: [{ path: "/layer", readonly: true, serial: "layer0" }],
  nics: [{ kind: "stream", mac: "02:00:00:00:00:01" }],
  cpus: 2,
  memoryBytes: 100 * 2 ** 20 + 5,
  console: "/vm/console",
};

const vmnet = (folder: string): Nic => ({
  kind: "vmnet",
  mac: "02:00:00:00:00:02",
  network: { name: "n", folder, mode: "shared" },
});

Deno.test("planVm()", async (t) => {
  await t.step("puts the boot disk first and rounds memory down to a MiB", () => {
    const plan = planVm(CONFIG, [], undefined);
    assert.deepEqual(plan.disks.map(({ serial }) => serial), ["boot", "layer0"]);
    assert.equal(plan.memoryBytes, 100 * 2 ** 20);
    assert.match(plan.commandLine, /^console=hvc0 .* panic=-1 x=1$/);
  });
  await t.step("tells the guest of Rosetta", () => {
    assert.match(planVm({ ...CONFIG, rosetta: true }, [], undefined).commandLine, / ctr\.rosetta /);
  });
  const refused: readonly (readonly [string, Partial<VmConfig>, RegExp])[] = [
    ["too little memory", { memoryBytes: 2 ** 20 }, /cannot give a VM 1 MiB/],
    ["a serial that is too long", {
      disks: [{ path: "/d", readonly: true, serial: "x".repeat(21) }],
    }, /cannot attach a disk/],
    ["what is no MAC address", { nics: [{ kind: "nat", mac: "nope" }] }, /not a MAC address/],
    ["QEMU's user network", {
      nics: [{ kind: "user", mac: "02:00:00:00:00:01" }],
    }, /of kind user: it is QEMU's/],
  ];
  for (const [name, changes, message] of refused) {
    await t.step(`refuses ${name}`, () => {
      assert.throws(() => planVm({ ...CONFIG, ...changes }, [], undefined), { message });
    });
  }
});

Deno.test("a VM is on one network of vmnet at most", () => {
  assert.equal(vmnetOf(CONFIG), undefined);
  assert.equal(vmnetOf({ ...CONFIG, nics: [vmnet("/a"), vmnet("/a")] })?.folder, "/a");
  assert.throws(() => vmnetOf({ ...CONFIG, nics: [vmnet("/a"), vmnet("/b")] }), CtrError);
});

Deno.test("a panic is seen in pieces, once", () => {
  const found: string[] = [];
  const watch = new PanicWatch((line) => found.push(line));
  const text = "up\n[ 1.2] Kernel panic - not syncing: Attempted to kill init!\nmore\n";
  for (const piece of [text.slice(0, 20), text.slice(20, 40), text.slice(40), text]) {
    watch.take(new TextEncoder().encode(piece));
  }
  assert.deepEqual(found, ["Kernel panic - not syncing: Attempted to kill init!"]);
});

Deno.test("errors of the framework", async (t) => {
  await t.step("name what they are about, with domain and code", () => {
    const error = faultError('cannot start VM "a"', {
      domain: "VZErrorDomain",
      code: 5,
      message: "Invalid disk image.",
      reason: "The disk is a folder.",
      subject: "/d",
    });
    assert.equal(error.code, "unavailable");
    assert.equal(
      error.message,
      'cannot start VM "a": "/d": The disk is a folder (VZErrorDomain 5)',
    );
  });
  await t.step("a missing entitlement has a remedy", () => {
    const { code, hint } = faultError("cannot start", {
      domain: "VZErrorDomain",
      code: 2,
      message: "The process doesn't have the com.apple.security.virtualization entitlement.",
    });
    assert.equal(code, "denied");
    assert.match(hint ?? "", /docs\/macos\.md/);
  });
});
