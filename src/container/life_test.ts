import assert from "node:assert/strict";
import { join } from "node:path";
import { CtrError } from "../core/mod.ts";
import { Home, process, request, settled, started, until } from "./fake_home.ts";
import { pruneContainers } from "./prune.ts";

const actions = (home: Home) => home.events.map(({ action }) => action);
const always = { restart: { name: "always" } } as const;

Deno.test("a container that fails is started again, later each time, as often as it may", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const container = await started(containers, ["exit", "3"], {
    restart: { name: "on-failure", maximumRetries: 3 },
  });
  await until("three restarts", () => container.record.run === 4 && container.state === "exited");
  await settled();
  const { status } = await container.describe();
  assert.deepEqual([status.exit?.status, status.restart], [3, { count: 3, delayMs: 400 }]);
  await until("nothing more to do", () => !container.active);
  assert.equal(actions(home).filter((action) => action === "die").length, 4);
});

Deno.test("a start by the policy that fails is tried again, and says why", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const container = await started(containers, ["exit", "0"], always);
  await until("a wait", () => container.state === "restarting");
  const { image } = home;
  Object.defineProperty(home, "image", {
    configurable: true,
    get: () => {
      throw new CtrError("not-found", "cannot find the image");
    },
  });
  const error = async () => (await container.describe()).status.restart?.error;
  await until("a failure", () => container.record.restart?.error !== undefined);
  assert.equal(await error(), "cannot find the image");
  assert.equal(container.state, "restarting");
  Object.defineProperty(home, "image", { value: image });
  const { run } = container.record;
  await until("a start", () => container.record.run > run && container.record.exit !== undefined);
  assert.equal(await error(), undefined);
  await container.remove(true);
});

Deno.test("stop ends the waiting for a restart, and a start counts anew", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const container = await started(containers, ["exit", "0"], always);
  await until("the second restart", () => container.record.run >= 3);
  await until("a wait", () => container.state === "restarting");
  assert.equal(container.active, true, "the engine must stay");
  assert(typeof (await container.describe()).status.restart?.nextAt === "string");
  await assert.rejects(container.remove(false), /cannot remove ".*": it is restarting/);
  await container.stop();
  assert.equal(container.state, "exited");
  const { run } = container.record;
  await new Promise((resolve) => setTimeout(resolve, 900));
  assert.equal(container.record.run, run);
  await container.start();
  assert.equal(container.record.restart?.count, 0);
  await container.remove(true);
});

Deno.test("what was stopped by hand stays stopped, with this engine and the next", async () => {
  await using home = await Home.make();
  let containers = await home.open();
  const { id } = (await started(containers, ["sleep"], always)).record.config;
  await containers.get(id).stop();
  containers.release();
  containers = await home.open();
  await settled();
  assert.equal(containers.get(id).state, "exited");
});

Deno.test("a container comes back although engine and VM were killed, and one that waited too", async () => {
  await using home = await Home.make();
  let containers = await home.open();
  const running = (await started(containers, ["sleep"], always)).record.config.id;
  const stopped = (await started(containers, ["sleep"], { restart: { name: "unless-stopped" } }))
    .record.config.id;
  const plain = (await started(containers, ["sleep"])).record.config.id;
  const failing = await started(containers, ["exit", "1"], { restart: { name: "on-failure" } });
  await containers.get(stopped).stop();
  await until("a wait", () => failing.state === "restarting");
  const { run } = failing.record;
  containers.release();
  for (const vm of [...home.hypervisor.vms.values()]) vm.crash("the host went down");
  await settled();
  home.guests.clear();
  containers = await home.open();
  await until("the restart", () => containers.get(running).state === "running");
  await until("the other", () => containers.get(failing.record.config.id).record.run > run);
  assert.equal(containers.get(running).record.restart?.count, 1);
  assert.deepEqual([containers.get(stopped).state, containers.get(plain).state], [
    "exited",
    "exited",
  ]);
  for (const each of containers.list()) await each.remove(true);
});

Deno.test("a restart ends what runs and starts it, and leaves what removes itself alone", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const container = await started(containers, ["sleep"], { autoRemove: true });
  await Promise.all([container.restart(), container.restart()]);
  assert.equal(container.state, "running");
  assert(container.record.run >= 2);
  const other = containers.get((await containers.create(request(["sleep"]))).id);
  await other.restart();
  assert.equal(other.state, "running");
  await other.remove(true);
  await container.remove(true);
});

Deno.test("a paused container takes no process, and goes on, stops or dies when told", async () => {
  await using home = await Home.make();
  let containers = await home.open();
  const { id } = (await started(containers, ["sleep"])).record.config;
  const container = () => containers.get(id);
  await assert.rejects(container().unpause(), /it is not paused/);
  await container().pause();
  assert.equal(container().state, "paused");
  await assert.rejects(container().pause(), /it is paused already/);
  await assert.rejects(container().exec(process("echo"), true), /it is paused/);
  containers.release();
  containers = await home.open();
  assert.equal(container().state, "paused", "the next engine asks the guest");
  await container().unpause();
  assert.equal(container().state, "running");
  await container().pause();
  const began = performance.now();
  await container().stop(undefined, 5000);
  assert(performance.now() - began < 2000, "it was woken to end of SIGTERM");
  assert.equal((await container().wait()).signal, "SIGTERM");
  await container().start();
  await container().pause();
  await container().kill("KILL");
  await settled();
  assert.equal(container().state, "exited");
  await assert.rejects(container().pause(), /it is not running/);
  await container().start();
  await container().pause();
  await container().remove(true);
});

Deno.test("a new name holds at once, for the next engine and in the file", async () => {
  await using home = await Home.make();
  let containers = await home.open();
  const { id } = (await started(containers, ["sleep"], { name: "old" })).record.config;
  await containers.create(request(["sleep"], { name: "taken" }));
  await containers.rename("old", "new");
  assert.throws(() => containers.get("old"), /there is no such container/);
  assert.equal(containers.get("new").state, "running");
  await assert.rejects(containers.rename("new", "taken"), {
    message: 'cannot rename "new": the name "taken" is taken',
  });
  await assert.rejects(containers.rename("new", "new"), /that is its name already/);
  const file = join(home.path, "containers", id, "config.json");
  assert.equal(JSON.parse(await Deno.readTextFile(file)).name, "new");
  await Deno.writeTextFile(file, "{}"); // an engine that was killed before it wrote
  containers.release();
  containers = await home.open();
  assert.equal(JSON.parse(await Deno.readTextFile(file)).name, "new");
  await containers.get("new").remove(true);
});

Deno.test("limits change in the guest as far as the VM goes, the rest at the next start", async () => {
  await using home = await Home.make();
  const MIB = 1024 * 1024;
  const containers = await home.open();
  const container = await started(containers, ["sleep"], { memoryBytes: 256 * MIB, cpus: 2 });
  const guest = home.guests.get(container.record.config.id)!;
  guest.workingSetBytes = 100 * MIB;
  assert.deepEqual(
    await container.update({ memoryBytes: 128 * MIB, cpus: 1, pidsLimit: 50 }),
    { warnings: [] },
  );
  assert.deepEqual(guest.limits, { memoryBytes: 128 * MIB, cpuQuotaUs: 100_000, pids: 50 });
  await assert.rejects(container.update({ memoryBytes: 64 * MIB }), {
    message: /it uses 100 MiB of memory, more than 64 MiB$/,
  });
  await assert.rejects(container.update({ memoryBytes: 2 ** 50 }), /this host has/);
  await assert.rejects(container.update({ memoryBytes: MIB }), /1 MiB of memory, least 32 MiB/);
  const { warnings } = await container.update({ memoryBytes: 512 * MIB, cpus: 4 });
  assert.deepEqual(warnings, [
    "--memory 512 MiB applies at the next start: the VM was booted with 256 MiB",
    "--cpus 4 applies at the next start: the VM was booted with 2 CPUs",
  ]);
  assert.equal(guest.limits.memoryBytes, 256 * MIB);
  await container.stop();
  await container.start();
  assert.equal([...home.hypervisor.vms.values()][0]!.config.cpus, 4);
  await container.update({ restart: { name: "always", maximumRetries: 0 } });
  await container.remove(true);
});

Deno.test("a policy that is taken away starts nothing any more", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const container = await started(containers, ["exit", "1"], always);
  await until("a wait", () => container.state === "restarting");
  await container.update({ restart: { name: "no", maximumRetries: 0 } });
  assert.equal(container.state, "exited");
  await containers.get(container.record.config.id).remove(false);
});

Deno.test("what goes by itself cannot be started again", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  await assert.rejects(containers.create(request(["sleep"], { autoRemove: true, ...always })), {
    message: /--rm and --restart exclude each other/,
  });
});

Deno.test("prune removes what does not run, by label and by age", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const running = await started(containers, ["sleep"], { labels: { a: "1" } });
  const made = await containers.create(request(["sleep"], { labels: { a: "1" } }));
  const other = await containers.create(request(["sleep"], { labels: { a: "2" } }));
  await assert.rejects(pruneContainers(containers, ["colour=red"]), /cannot use the filter/);
  assert.deepEqual((await pruneContainers(containers, ["until=1h"])).removed, []);
  const first = await pruneContainers(containers, ["label=a=1"]);
  assert.deepEqual(first.removed, [made.id]);
  assert(first.reclaimedBytes > 0);
  assert.deepEqual((await pruneContainers(containers, ["label!=b"])).removed, [other.id]);
  assert.deepEqual(containers.list(), [running]);
  await running.remove(true);
});

Deno.test("a volume that was made for a container goes with it where it should", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const volumes = () => {
    try {
      return [...Deno.readDirSync(join(home.path, "volumes"))].length;
    } catch {
      return 0;
    }
  };
  const mounts = { mounts: [{ type: "volume" as const, target: "/data" }] };
  const make = (more: object = {}) => containers.create(request(["sleep"], { ...mounts, ...more }));
  const kept = containers.get((await make()).id);
  const taken = containers.get((await make()).id);
  const removing = containers.get((await make({ autoRemove: true })).id);
  assert.equal(volumes(), 3);
  await kept.remove(false);
  await taken.remove(false, { volumes: true });
  assert.equal(volumes(), 2, "kept without -v, removed with it");
  await removing.start();
  await removing.stop();
  await until("its removal", () => volumes() === 1);
});

Deno.test("waiting ends with the state, with the deadline, or when it cannot come any more", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const { id } = await containers.create(request(["sleep"], { name: "w" }));
  const container = containers.get(id);
  await assert.rejects(container.waitFor({ for: "running", timeoutMs: 20 }), {
    code: "timeout",
    message: 'timed out after 0.02s: waiting for "w" to be running',
  });
  const running = container.waitFor({ for: "running" });
  const removed = container.waitFor({ for: "removed" });
  await container.start();
  await running;
  await assert.rejects(container.waitFor({ for: "healthy" }), /it has no health check/);
  await assert.rejects(container.waitFor({ for: "stopped", timeoutMs: 10 }), /to end$/);
  const gone = container.waitFor({ for: "stopped" });
  await container.kill("KILL");
  assert.equal((await gone)?.status, 137);
  await settled();
  await container.remove(false);
  await removed;
});

Deno.test("a record of an earlier version is read with what was added since", async () => {
  await using home = await Home.make();
  let containers = await home.open();
  const { id } = await containers.create(request(["sleep"]));
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(join(home.path, "state.db"));
  const row = db.prepare("SELECT config FROM containers").get()!;
  const config = JSON.parse(row.config as string);
  for (
    const name of "mounts publishedSockets devices privileged oomScoreAdj linkLocal restart health"
      .split(" ")
  ) delete config[name];
  delete config.process.additionalGroups;
  db.prepare("UPDATE containers SET config=?").run(JSON.stringify(config));
  db.close();
  containers.release();
  containers = await home.open();
  const { configuration } = await containers.get(id).describe();
  assert.deepEqual(configuration.restartPolicy, { name: "no", maximumRetries: 0 });
  assert.deepEqual(containers.get(id).record.config.mounts, []);
  await containers.get(id).start();
  await containers.get(id).remove(true);
});

Deno.test("every step of a life is told, with the container's labels and facts", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const container = await started(containers, ["sleep"], { name: "e", labels: { tier: "web" } });
  await container.exec(process("exit", "4"), true);
  await settled();
  await container.pause();
  await container.unpause();
  await containers.rename("e", "f");
  await container.update({ pidsLimit: 10 });
  await container.stop();
  await container.remove(false);
  assert.deepEqual(actions(home), [
    "create",
    "start",
    "exec_create",
    "exec_start",
    "exec_die",
    "pause",
    "unpause",
    "rename",
    "update",
    "die",
    "stop",
    "destroy",
  ]);
  const die = home.events.find(({ action }) => action === "die")!;
  assert.deepEqual([die.name, die.attributes?.tier, die.attributes?.exitCode], ["f", "web", "143"]);
});
