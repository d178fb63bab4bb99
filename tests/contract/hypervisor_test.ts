import assert from "node:assert/strict";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { CtrError } from "../../src/core/mod.ts";
import type { Hypervisor, Vm, VmConfig } from "../../src/hypervisor/mod.ts";
import { type Subject, subject, type SubjectName } from "./subject.ts";

const NAMES: readonly SubjectName[] = ["fake", "qemu amd64", "qemu arm64", "vz"];
const PORT = 1024;

for (const name of NAMES) {
  Deno.test(`contract of ${name}`, async (t) => {
    const found = await subject(name);
    if (typeof found === "string") {
      console.log(`skipped: ${name}: ${found}`);
      return;
    }
    await using s = found;
    const step = (title: string, test: (s: Subject) => Promise<void>, ignore = false) => {
      const reason = s.skips[title];
      const named = reason === undefined ? title : `${title} (skipped: ${reason})`;
      return t.step({ name: named, ignore: ignore || reason !== undefined, fn: () => test(s) });
    };
    const realStep = (title: string, test: (s: Subject) => Promise<void>) =>
      step(title, test, !s.real); // a fake has no process

    await step("a stream carries bytes both ways", carriesBytes);
    await step("a new stream ends the old and starts clean", replacesStream);
    await step("stop ends the VM and is not a failure", stops);
    await step("kill ends the VM and is not a failure", kills);
    await step("connecting to an ended VM is unavailable", refusesEnded);
    await step("a second VM in one folder is refused", refusesSecond);
    await step("a disk that is missing fails the start with its name", namesMissingDisk);
    await step("the console is in its file", writesConsole);
    await step("pause, resume and balloon are obeyed", obeys);
    await step("a folder with a long path works", longPath);
    await step("nothing is found in an empty folder", adoptsNothing);
    await realStep("disks are seen by serial, the boot disk first", seesSerials);
    await realStep("fourteen disks fit", manyDisks);
    await realStep("a guest that does not listen is a timeout", deaf);
    await realStep("a guest that panics is a failure with its last words", panics);
    await realStep("a guest that restarts is a failure", restarts);
    await realStep("a monitor that is killed is noticed", noticesCrash);
    await realStep("a flooded console stays bounded", boundsConsole);
    await realStep("ten VMs run at once", ten);
    await step("a share that is missing fails the start with its name", namesMissingShare);
    await realStep("folders and single files are shared, read-only by the host", sharesFolders);
    await realStep("the same by 9p", sharesBy9p);
    await realStep("a VM ends with the share that it has lost", endsWithLostShare);
    await realStep("a new engine adopts what a killed one started", adopts);
    await realStep("an engine killed at any moment leaves nothing unknown", killedStarter);
  });
}

async function carriesBytes(s: Subject) {
  await withVm(s, {}, async (vm) => {
    const stream = await vm.connect(PORT, { deadlineMs: s.bootMs });
    assert.deepEqual(await echo(stream, "to and fro"), "to and fro");
    assert(await vm.footprintBytes() > 2 ** 20);
    stream.destroy();
  });
}

async function replacesStream(s: Subject) {
  await withVm(s, {}, async (vm) => {
    const first = await vm.connect(PORT, { deadlineMs: s.bootMs });
    const closed = new Promise((resolve) => first.once("close", resolve));
    first.write("half a fr"); // its echo must not reach the next stream
    const second = await vm.connect(PORT, { deadlineMs: s.bootMs });
    await closed;
    assert.deepEqual(await echo(second, "clean"), "clean");
    second.destroy();
  });
}

async function stops(s: Subject) {
  const config = await s.config();
  const vm = await s.hypervisor.start(config);
  await vm.stop(5000);
  assert.deepEqual(await vm.wait(), { how: "stopped" });
  await assertNothingLeft(s, config);
}

async function kills(s: Subject) {
  const config = await s.config();
  const vm = await s.hypervisor.start(config);
  await vm.kill();
  assert.deepEqual(await vm.wait(), { how: "stopped" });
  await vm.kill(); // again is fine
  await assertNothingLeft(s, config);
}

async function refusesEnded(s: Subject) {
  const vm = await s.hypervisor.start(await s.config());
  await vm.kill();
  const error = await refused(() => vm.connect(PORT, { deadlineMs: 1000 }));
  assert.deepEqual(error.code, "unavailable");
}

async function refusesSecond(s: Subject) {
  await withVm(s, {}, async (_vm, config) => {
    const error = await refused(() => s.hypervisor.start(config));
    assert.deepEqual(error.code, "exists");
  });
}

async function namesMissingDisk(s: Subject) {
  const config = await s.config({ disks: [{ path: "/nope.img", readonly: true, serial: "x" }] });
  const error = await refused(() => s.hypervisor.start(config));
  assert.deepEqual(error.code, "unavailable");
  assert.match(error.message, /\/nope\.img/);
  await assertNothingLeft(s, config);
}

async function writesConsole(s: Subject) {
  await withVm(s, {}, async (vm, config) => {
    (await vm.connect(PORT, { deadlineMs: s.bootMs })).destroy();
    await vm.kill();
    assert.match(await Deno.readTextFile(config.console), /guest is up/);
  });
}

async function obeys(s: Subject) {
  await withVm(s, {}, async (vm) => {
    const stream = await vm.connect(PORT, { deadlineMs: s.bootMs });
    await vm.pause();
    await vm.resume();
    await vm.balloon(96 * 2 ** 20);
    assert.deepEqual(await echo(stream, "awake"), "awake");
    stream.destroy();
  });
}

async function longPath(s: Subject) {
  const config = await s.longConfig();
  const vm = await s.hypervisor.start(config);
  try {
    const stream = await vm.connect(PORT, { deadlineMs: s.bootMs });
    assert.deepEqual(await echo(stream, "far"), "far");
    stream.destroy();
  } finally {
    await vm.kill();
  }
  await assertNothingLeft(s, config);
}

async function adoptsNothing(s: Subject) {
  const { folder } = await s.config();
  assert.deepEqual(await s.hypervisor.adopt(folder), undefined);
}

async function seesSerials(s: Subject) {
  const { bootDisk } = await s.config();
  const disks = [
    { path: bootDisk, readonly: true, serial: "layer0" },
    { path: bootDisk, readonly: true, serial: "a.b" },
  ];
  await withVm(s, { disks }, async (vm, config) => {
    (await vm.connect(PORT, { deadlineMs: s.bootMs })).destroy();
    await vm.kill();
    const said = await Deno.readTextFile(config.console);
    assert.match(said, /vda is boot\r?\nvdb is layer0\r?\nvdc is a\.b/);
  });
}

async function manyDisks(s: Subject) {
  const { bootDisk } = await s.config();
  const disks = Array.from(
    { length: 14 },
    (_, at) => ({ path: bootDisk, readonly: true, serial: `layer${at}` }),
  );
  await withVm(s, { disks }, async (vm, config) => {
    (await vm.connect(PORT, { deadlineMs: s.bootMs })).destroy();
    await vm.kill();
    assert.match(await Deno.readTextFile(config.console), /vdo is layer13/);
  });
}

async function namesMissingShare(s: Subject) {
  const config = await s.config({ shares: [{ tag: "share0", path: "/nope", readonly: false }] });
  const error = await refused(() => s.hypervisor.start(config));
  assert.deepEqual([error.code, error.message], [
    "not-found",
    'cannot share "/nope": there is no such file or folder',
  ]);
  await assertNothingLeft(s, config);
}

async function sharesFolders(s: Subject) {
  const virtiofs = s.driver.name === "vz" || Deno.uid() === 0;
  await shares(s, s.hypervisor, virtiofs ? "virtiofs" : "9p");
}

async function sharesBy9p(s: Subject) {
  await shares(s, s.ninep, "9p");
}

/** The guest mounts all read-write and is told nothing, so what it cannot do the host forbids. */
async function shares(s: Subject, hypervisor: Hypervisor, type: "virtiofs" | "9p") {
  const { config, folder } = await sharing(s);
  const vm = await hypervisor.start(config);
  try {
    assert.deepEqual(Object.values(vm.shareMounts).map(({ type, file }) => [type, file]), [
      [type, undefined],
      [type, undefined],
      [type, "file"],
      [type, "file"],
    ]);
    (await vm.connect(PORT, { deadlineMs: s.bootMs })).destroy();
  } finally {
    await vm.kill();
  }
  const EROFS = 30;
  const said = (await Deno.readTextFile(config.console)).replaceAll("\r", "").split("\n");
  const line = (at: number) => said.find((each) => each.startsWith(`share${at}`))?.split(" ");
  assert.deepEqual(line(0)?.slice(0, 5), ["share0", `${type}:`, "hello=a", "write=0", "make=0"]);
  assert.deepEqual(line(1)?.slice(2, 5), ["hello=a+", `write=${EROFS}`, `make=${EROFS}`]);
  assert.deepEqual(line(2)?.slice(2, 4), ["hello=a+", "write=0"]);
  assert.deepEqual(line(2)?.slice(5), ["entries=", "file"]);
  assert.deepEqual(line(3)?.slice(2), [
    "hello=a++",
    `write=${EROFS}`,
    `make=${EROFS}`,
    "entries=",
    ...(line(3)?.includes("made") ? ["made"] : []),
    "file",
  ]);
  assert.deepEqual(await Deno.readTextFile(join(folder, "hello")), "a++");
  await assertNothingLeft(s, config);
}

async function sharing(s: Subject) {
  const config = await s.config({ kernelArguments: ["test=shares"] });
  const folder = join(config.folder, "a folder, shared");
  await Deno.mkdir(folder);
  await Deno.writeTextFile(join(folder, "hello"), "a");
  await Deno.writeTextFile(join(folder, "sibling"), "");
  const each = [folder, folder, join(folder, "hello"), join(folder, "hello")];
  const shares = each.map((path, at) => ({ tag: `share${at}`, path, readonly: at % 2 === 1 }));
  return { config: { ...config, shares }, folder };
}

async function endsWithLostShare(s: Subject) {
  const { config, folder } = await sharing(s);
  const vm = await s.hypervisor.start(config);
  if (vm.shareMounts.share0?.type !== "virtiofs") return await vm.kill(); // 9p has no daemon
  (await vm.connect(PORT, { deadlineMs: s.bootMs })).destroy();
  const record = await Deno.readTextFile(join(config.folder, "virtiofsd0.pid"));
  Deno.kill(Number.parseInt(record), "SIGKILL");
  assert.deepEqual(await vm.wait(), {
    how: "failed",
    reason: `the share of "${await Deno.realPath(folder)}" was lost: its virtiofsd has ended`,
  });
  await assertNothingLeft(s, config);
}

async function deaf(s: Subject) {
  await withVm(s, { kernelArguments: ["test=deaf"] }, async (vm) => {
    const began = performance.now();
    const error = await refused(() => vm.connect(PORT, { deadlineMs: 300 }));
    assert.deepEqual(error.code, "timeout");
    assert(performance.now() - began < 5000);
  });
}

async function panics(s: Subject) {
  const config = await s.config({ kernelArguments: ["test=panic"] });
  const exit = await (await s.hypervisor.start(config)).wait();
  assert(exit.how === "failed");
  assert.match(exit.reason, /Kernel panic.*Attempted to kill init/);
  await assertNothingLeft(s, config);
}

async function restarts(s: Subject) {
  const config = await s.config({ kernelArguments: ["test=restart"] });
  const exit = await (await s.hypervisor.start(config)).wait();
  assert(exit.how === "failed");
  assert.match(exit.reason, /the guest ended by itself/);
}

async function noticesCrash(s: Subject) {
  const config = await s.config();
  const vm = await s.hypervisor.start(config);
  const connecting = vm.connect(PORT, { deadlineMs: s.bootMs });
  Deno.kill(vm.pid, "SIGKILL");
  const error = await refused(() => connecting);
  assert.deepEqual(error.code, "unavailable");
  const monitor = s.driver.name === "qemu" ? "qemu" : "its monitor";
  assert.deepEqual(await vm.wait(), { how: "failed", reason: `${monitor} was killed by SIGKILL` });
  await assertNothingLeft(s, config);
}

async function boundsConsole(s: Subject) {
  await withVm(s, { kernelArguments: ["test=flood"] }, async (vm, config) => {
    (await vm.connect(PORT, { deadlineMs: s.bootMs })).destroy();
    await vm.kill();
    assert((await Deno.readTextFile(config.console)).includes("x".repeat(100)));
    for (const path of [config.console, `${config.console}.1`]) {
      assert((await Deno.stat(path)).size <= 512 * 1024);
    }
  });
}

async function ten(s: Subject) {
  const configs = await Promise.all(Array.from({ length: 10 }, () => s.config()));
  const vms = await Promise.all(configs.map((config) => s.hypervisor.start(config)));
  try {
    await Promise.all(vms.map(async (vm) => {
      const stream = await vm.connect(PORT, { deadlineMs: 2 * s.bootMs });
      assert.deepEqual(await echo(stream, vm.id), vm.id);
      stream.destroy();
    }));
  } finally {
    await Promise.all(vms.map((vm) => vm.stop(10_000)));
  }
  for (const config of configs) await assertNothingLeft(s, config);
}

async function adopts(s: Subject) {
  const config = await s.config();
  const starter = spawnStarter(s, config);
  await starter.saw(/started/);
  await starter.kill();
  const vm = await s.hypervisor.adopt(config.folder);
  assert(vm !== undefined);
  assert.deepEqual(vm.id, config.id);
  const stream = await vm.connect(PORT, { deadlineMs: s.bootMs });
  assert.deepEqual(await echo(stream, "again"), "again");
  stream.destroy();
  vm.release();
  const third = await s.hypervisor.adopt(config.folder);
  await third!.stop(5000);
  assert.deepEqual(await third!.wait(), { how: "stopped" });
  assert.deepEqual(await s.hypervisor.adopt(config.folder), undefined);
  await assertNothingLeft(s, config);
}

async function killedStarter(s: Subject) {
  let lived = 0;
  const shares = [{ tag: "share0", path: import.meta.dirname!, readonly: true }];
  // On a busy host nothing has started by then.
  for (
    let delayMs = 0;
    delayMs < 180 || lived === 0 && delayMs < 5000;
    delayMs += 12 + delayMs / 4
  ) {
    const config = await s.config({ shares });
    const starter = spawnStarter(s, config);
    await starter.saw(/starting/);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await starter.kill();
    const vm = await s.hypervisor.adopt(config.folder);
    if (vm !== undefined) {
      lived++;
      await vm.kill();
    }
    await assertNothingLeft(s, config);
  }
  assert(lived > 0, "no VM had started: the delays are too short to test anything");
}

function spawnStarter(s: Subject, config: VmConfig) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      new URL("starter.ts", import.meta.url).pathname,
      JSON.stringify(config),
      JSON.stringify(s.driver),
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    async saw(pattern: RegExp) {
      while (!pattern.test(text)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`the starter ended: ${text}`);
        text += value;
      }
    },
    async kill() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

async function withVm(
  s: Subject,
  changes: Partial<VmConfig>,
  use: (vm: Vm, config: VmConfig) => Promise<void>,
) {
  const config = await s.config(changes);
  const vm = await s.hypervisor.start(config);
  try {
    await use(vm, config);
  } finally {
    await vm.kill();
  }
  await assertNothingLeft(s, config);
}

async function refused(work: () => Promise<unknown>): Promise<CtrError> {
  try {
    await work();
  } catch (error) {
    assert(error instanceof CtrError, String(error));
    return error;
  }
  throw new Error("it was not refused");
}

/** No process and no socket of this VM; settled, because a half started one may just be giving up. */
async function assertNothingLeft(s: Subject, config: VmConfig) {
  if (!s.real) return;
  const all = async () => [
    ...await processesNamed(`ctr-${config.id}`),
    ...await processesNamed(config.folder),
  ];
  let left = await all();
  for (let tries = 0; left.length > 0 && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    left = await all();
  }
  assert.deepEqual(left, []);
  const names = [...Deno.readDirSync(config.folder)].map(({ name }) => name);
  assert.deepEqual(names.filter((name) => name.endsWith(".sock")), []);
}

async function processesNamed(word: string): Promise<number[]> {
  const found: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const words = await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    const named = words.split("\0").some((each) => each === word || isServed(each, word));
    if (named) found.push(Number(name));
  }
  return found;
}

/** How virtiofsd names the share of a VM's folder. */
function isServed(argument: string, folder: string): boolean {
  return argument.startsWith(`source=${folder}/`) || argument.startsWith(`--shared-dir=${folder}/`);
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
