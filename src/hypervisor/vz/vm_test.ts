import assert from "node:assert/strict";
import { join } from "node:path";
import { isAlive, processStart } from "../../host/mod.ts";
import { CtrError } from "../../core/mod.ts";
import { hostArchitecture } from "../../host/mod.ts";
import type { VmConfig } from "../hypervisor.ts";
import { VzHypervisor } from "./vz.ts";

const MONITOR = new URL("testdata/broken_monitor.ts", import.meta.url).pathname;

/** A driver whose monitors misbehave, and the configuration of a VM that none of them will ever run. */
async function misbehaving(how: string) {
  const folder = await Deno.makeTempDir({ prefix: "ctr-vz-" });
  const empty = join(folder, "empty");
  await Deno.writeTextFile(empty, "");
  const config: VmConfig = {
    id: "a",
    folder,
    architecture: hostArchitecture(),
    kernel: empty,
    kernelArguments: [],
    bootDisk: empty,
    disks: [],
    nics: [],
    cpus: 1,
    memoryBytes: 64 * 2 ** 20,
    console: join(folder, "console"),
  };
  const hypervisor = new VzHypervisor({
    monitor: [Deno.execPath(), "run", "-A", "--no-check", "--quiet", MONITOR, how],
    library: empty,
    patience: { everyMs: 50, deadlineMs: 700 },
  });
  return {
    config,
    hypervisor,
    async assertNothingLeft() {
      const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
      assert.deepEqual(names.filter((name) => name.endsWith(".sock")), []);
      const pid = Number.parseInt(await Deno.readTextFile(join(folder, "monitor.pid")));
      assert.equal(await isAlive(pid, await processStart(pid) ?? "gone"), false);
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

const ENDS: readonly (readonly [string, string | RegExp])[] = [
  ["sends garbage", 'its monitor is broken: it sent what is no message: "{\\"garbage\\":1}"'],
  ["floods", /^its monitor is broken: it sent what is no message: "x+…"$/],
  ["hangs", "its monitor hung: it did not answer for 0.7s"],
  ["crashes", "its monitor ended: trapped in dispatch_assert_queue"],
  ["is killed", "its monitor was killed by SIGKILL"],
  ["tells the end", "the guest ended by itself"],
];

Deno.test("a monitor that misbehaves costs its VM, gives one sentence, and leaves nothing", async (t) => {
  for (const [how, expected] of ENDS) {
    await t.step(how, async () => {
      await using place = await misbehaving(how);
      const vm = await place.hypervisor.start(place.config);
      const exit = await vm.wait();
      assert(exit.how === "failed");
      if (typeof expected === "string") assert.equal(exit.reason, expected);
      else assert.match(exit.reason, expected);
      await place.assertNothingLeft();
      assert.equal(await place.hypervisor.adopt(place.config.folder), undefined);
    });
  }
});

const REFUSALS: readonly (readonly [string, string, string])[] = [
  ["dies at once", "unavailable", 'cannot start VM "a": its monitor ended: the framework said no'],
  ["refuses", "denied", "cannot start VM: not signed"],
  [
    "is of another time",
    "unsupported",
    "cannot use the VM's monitor: it speaks version 99 of their protocol, not 1",
  ],
];

Deno.test("a monitor that does not start fails the start, and leaves nothing", async (t) => {
  for (const [how, code, message] of REFUSALS) {
    await t.step(how, async () => {
      await using place = await misbehaving(how);
      const error = await place.hypervisor.start(place.config).catch((error) => error);
      assert(error instanceof CtrError);
      assert.deepEqual([error.code, error.message], [code, message]);
      await place.assertNothingLeft();
    });
  }
});

Deno.test("asking for what this Mac cannot do is an error", async () => {
  await using place = await misbehaving("is never asked");
  const foreign = hostArchitecture() === "amd64" ? "arm64" : "amd64";
  const start = () => place.hypervisor.start({ ...place.config, architecture: foreign });
  await assert.rejects(start, { code: "unsupported" });
});
