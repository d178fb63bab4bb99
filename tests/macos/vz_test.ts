import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type Nic, type Vm, VzHypervisor } from "../../src/hypervisor/mod.ts";
import { monitorCommand } from "../contract/driver.ts";
import { standIn, type Subject, subject } from "../contract/subject.ts";
import { built } from "../ffi/shim.ts";
import { brokenShim } from "./broken_shim.ts";

const PORT = 1024;

/** What the contract suite cannot ask of every driver. */
Deno.test("the driver of macOS, with QEMU standing in for its framework", async (t) => {
  const found = await subject("vz");
  if (typeof found === "string") return console.log(`skipped: ${found}`);
  await using s = found;
  await t.step("a guest has several streams at a time", () => severalStreams(s));
  await t.step("a VM that was saved goes on where it was", () => savedAndRestored(s));
  await t.step(
    "VMs of one network of vmnet share a monitor, which outlives each of them",
    () => shared(s),
  );
  await t.step("the wire of a NIC is handed to who connects", () => wire(s));
  await t.step("what this Mac can do is told, and what it lacks", () => doctor(s));
  await t.step("a broken shim costs its VM alone, with a sentence", () => broken(s));
});

async function severalStreams(s: Subject): Promise<void> {
  const vm = await s.hypervisor.start(await s.config());
  try {
    const first = await vm.connect(PORT, { deadlineMs: s.bootMs });
    assert.equal(await echo(first, "one"), "one");
    await assert.rejects(vm.connect(77, { deadlineMs: 300 }), { code: "timeout" });
    assert.equal(await echo(first, "still"), "still");
  } finally {
    await vm.kill();
  }
}

/** The stand-in can save VMs whose port is a serial one; the framework those without shares. */
async function savedAndRestored(s: Subject): Promise<void> {
  Deno.env.set("CTRVZ_STANDIN_VSOCK", "serial");
  try {
    const config = await s.config();
    const saved = join(config.folder, "saved");
    const vm = await s.hypervisor.start(config);
    (await vm.connect(PORT, { deadlineMs: s.bootMs })).destroy();
    await assert.rejects(vm.save(saved), { code: "invalid-state" }); // it runs
    await vm.pause();
    await vm.save(saved);
    await vm.stop(5000);
    const again = await s.hypervisor.start(await s.config({ restore: saved }));
    try {
      const stream = await again.connect(PORT, { deadlineMs: s.bootMs });
      assert.equal(await echo(stream, "awake"), "awake");
    } finally {
      await again.kill();
    }
    const shares = [{ tag: "a", path: config.folder, readonly: true }];
    const withShare = await s.hypervisor.start(await s.config({ shares }));
    try {
      await withShare.pause();
      await assert.rejects(
        withShare.save(join(config.folder, "other")),
        /directory sharing|share/i,
      );
    } finally {
      await withShare.kill();
    }
  } finally {
    Deno.env.delete("CTRVZ_STANDIN_VSOCK");
  }
}

async function shared(s: Subject): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ctr-vmnet-" });
  const network = { name: "n", folder, mode: "host" } as const;
  const nic = (at: number): Nic => ({ kind: "vmnet", mac: `02:00:00:00:00:0${at}`, network });
  const configs = [await s.config({ nics: [nic(1)] }), await s.config({ nics: [nic(2)] })];
  const vms = await Promise.all(configs.map((config) => s.hypervisor.start(config)));
  const [first, second] = vms as [Vm, Vm];
  try {
    assert.equal(first.pid, second.pid);
    for (const vm of vms) (await vm.connect(PORT, { deadlineMs: s.bootMs })).destroy();
    await first.kill();
    assert.deepEqual(await first.wait(), { how: "stopped" });
    const stream = await second.connect(PORT, { deadlineMs: s.bootMs });
    assert.equal(await echo(stream, "alone"), "alone");
    const adopted = await s.hypervisor.adopt(configs[1]!.folder);
    assert.equal(adopted?.pid, second.pid);
    adopted?.release();
    assert.equal(await s.hypervisor.adopt(configs[0]!.folder), undefined);
    Deno.kill(second.pid, "SIGKILL");
    const exit = await second.wait();
    assert.equal(exit.how, "failed");
  } finally {
    for (const vm of vms) await vm.kill().catch(() => {});
    await Deno.remove(folder, { recursive: true });
  }
}

async function doctor(s: Subject): Promise<void> {
  assert(s.driver.name === "vz");
  const { library } = s.driver;
  const ask = async (lacking?: string) => {
    if (lacking) Deno.env.set(lacking, "1");
    try {
      return (await new VzHypervisor({ library, monitor: monitorCommand() }).doctor())[0];
    } finally {
      if (lacking) Deno.env.delete(lacking);
    }
  };
  assert.equal((await ask())?.ok, true);
  assert.match((await ask("CTRVZ_STANDIN_UNSUPPORTED"))?.detail ?? "", /does not allow/);
  const unsigned = await ask("CTRVZ_STANDIN_UNENTITLED");
  assert.deepEqual([unsigned?.ok, unsigned?.detail], [
    false,
    'this program is not signed with "com.apple.security.virtualization"',
  ]);
  assert.match(unsigned?.hint ?? "", /^codesign /);
}

async function wire(s: Subject): Promise<void> {
  const config = await s.config({ nics: [{ kind: "stream", mac: "02:00:00:00:00:03" }] });
  const vm = await s.hypervisor.start(config);
  try {
    const word = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(join(config.folder, "nic0.sock"));
        socket.once("data", (bytes) => (resolve(String(bytes)), socket.destroy()));
        socket.once("error", reject);
      });
    assert.equal(await word(), "F");
    assert.equal(await word(), "F"); // another netd takes it over
  } finally {
    await vm.kill();
  }
}

async function broken(s: Subject): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ctr-broken-shim-" });
  try {
    const library = await brokenShim(folder);
    const ends: readonly (readonly [string, RegExp])[] = [
      [
        "garbage",
        /^Virtualization\.framework cannot be followed: it sent what is no event: "party"$/,
      ],
      ["trap", /^its monitor was killed by SIG(TRAP|ABRT|ILL)$/],
      ["closed", /^Virtualization\.framework cannot be followed: its events have ended$/],
    ];
    for (const [how, reason] of ends) {
      Deno.env.set("BROKEN_SHIM", how);
      const hypervisor = new VzHypervisor({ library, monitor: monitorCommand() });
      const config = await s.config();
      const vm = await hypervisor.start(config);
      const asking = vm.pause().catch((error) => error); // what makes it break
      const exit = await vm.wait();
      await asking;
      assert(exit.how === "failed");
      assert.match(exit.reason, reason);
      const left = [...Deno.readDirSync(config.folder)].filter(({ name }) =>
        name.endsWith(".sock")
      );
      assert.deepEqual(left, []);
    }
  } finally {
    Deno.env.delete("BROKEN_SHIM");
    await Deno.remove(folder, { recursive: true });
  }
}

async function echo(stream: Duplex, text: string): Promise<string> {
  stream.write(text);
  let got = "";
  while (got.length < text.length) {
    const chunk = stream.read();
    if (chunk !== null) got += chunk;
    else await new Promise((resolve) => stream.once("readable", resolve));
  }
  return got;
}

Deno.test("ctr doctor --selftest walks through what only a Mac can show", async (t) => {
  const library = await standIn();
  if (!library.startsWith("/")) return console.log(`skipped: ${library}`);
  const home = await Deno.makeTempDir({ prefix: "ctr-selftest-" });
  const selftest = async (...flags: string[]) => {
    const main = new URL("../../main.ts", import.meta.url).pathname;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        "--no-check",
        "--unstable-vsock",
        main,
        "doctor",
        "--selftest",
        ...flags,
      ],
      env: {
        CTR_HOME: home,
        CTR_HYPERVISOR: "vz",
        CTR_VZ_LIBRARY: library,
        CTR_KEYCHAIN: "on",
        CTRVZ_STANDIN_KEYCHAIN: `${home}/keychain`,
        CTRVZ_STANDIN_VSOCK: "serial", // what is saved cannot have another
      },
    }).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: decode(stdout), stderr: decode(stderr) };
  };
  await t.step("and judges each", async () => {
    const { code, stdout, stderr } = await selftest("--format", "json");
    const results: { name: string; result: string; fact: string }[] = JSON.parse(stdout);
    const failed = results.filter(({ result }) => result === "FAILED");
    assert.deepEqual([code, failed], [0, []], stderr);
    const ok = results.filter(({ result }) => result === "ok").map(({ name }) => name);
    for (const name of ["keychain", "boot", "adoption", "save and restore", "panic", "end"]) {
      assert.ok(ok.includes(name), name);
    }
    const skipped = results.find(({ name }) => name === "network");
    assert.deepEqual(skipped?.result, "skipped");
  });
  await Deno.remove(home, { recursive: true });
});

/** The suites that QEMU's driver passes, through the shim's source. */
const registry = Deno.env.get("CTR_TEST_REGISTRY");
const name = "ctr run passes its suite on this driver";
Deno.test({
  name: registry ? name : `${name} (skipped: CTR_TEST_REGISTRY names no registry)`,
  ignore: registry === undefined,
  fn: async () => {
    if (!(await standIn()).startsWith("/")) return console.log(`skipped: ${await standIn()}`);
    const reports = await Deno.makeTempDir({ prefix: "ctr-asan-" });
    const suite = new URL("../run/run_test.ts", import.meta.url).pathname;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", "--quiet", suite],
      // The CLI, the engine and its monitors: each access to memory is watched where the library is.
      env: {
        CTR_HYPERVISOR: "vz",
        CTR_VZ_LIBRARY: await built("standin-asan"),
        LD_PRELOAD: await built("asan-runtime"),
        ASAN_OPTIONS: `detect_leaks=0,verify_asan_link_order=0,log_path=${reports}/report`,
      },
    }).output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.equal(code, 0, said);
    assert.match(said, /6 passed/);
    for (const { name } of Deno.readDirSync(reports)) {
      assert.fail(await Deno.readTextFile(join(reports, name)));
    }
    await Deno.remove(reports, { recursive: true });
  },
});
