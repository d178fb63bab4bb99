import assert from "node:assert/strict";
import { join } from "node:path";
import { CtrError } from "../core/mod.ts";
import { Collector, Home, process, request, run, settled } from "./fake_home.ts";
import { readLog } from "./log_reader.ts";

Deno.test("a container prints, ends, and is exited with its status", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const { id, exit, text } = await run(containers, ["echo", "hello"]);
  assert.equal(text, "hello\n");
  assert.equal(exit?.status, 0);
  const { status } = await containers.get(id).describe();
  assert.equal(status.state, "exited");
  await settled();
  assert.equal(home.hypervisor.vms.size, 0);
  assert.equal((await run(containers, ["exit", "42"])).exit?.status, 42);
  await settled();
});

Deno.test("a container that removes itself leaves nothing", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const { id, exit, text } = await run(containers, ["echo", "gone"], { autoRemove: true });
  assert.deepEqual([text, exit?.reason], ["gone\n", "exited"]);
  await settled();
  assert.throws(() => containers.get(id), /there is no such container/);
  assert.deepEqual([...Deno.readDirSync(join(home.path, "containers"))], []);
});

Deno.test("stop asks, then kills; a stopped container stays stopped", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const { id } = await containers.create(request(["sleep"], { name: "polite" }));
  const polite = containers.get("polite");
  await polite.start();
  assert.equal(polite.state, "running");
  await polite.stop();
  assert.deepEqual((await polite.wait()).signal, "SIGTERM");
  await polite.stop();
  const other = await containers.create(request(["stubborn"]));
  await containers.get(other.id).start();
  await containers.get(other.id).stop(undefined, 20);
  assert.equal((await containers.get(other.id).wait()).status, 137);
  await containers.get(id).start();
  await assert.rejects(containers.get(id).remove(false), /it is running/);
  await containers.get(id).remove(true);
  assert.throws(() => containers.get(id), CtrError);
});

Deno.test("a start that fails leaves the container as it was", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const { id } = await containers.create(request(["nothing"]));
  await assert.rejects(containers.get(id).start(), /no such program/);
  assert.equal(containers.get(id).state, "created");
  assert.equal(home.hypervisor.vms.size, 0);
});

Deno.test("a new engine adopts what runs: every line is in the log once", async () => {
  await using home = await Home.make();
  let containers = await home.open();
  const { id } = await containers.create(request(["lines", "900"]));
  const { process } = await containers.get(id).startHeld();
  const sink = new Collector();
  process.follow(sink, 0);
  for (let restart = 0; restart < 5; restart++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    containers.release();
    containers = await home.open();
  }
  const exit = await containers.get(id).wait();
  assert.equal(exit.status, 0);
  let text = "";
  const logs = join(home.path, "containers", id, "logs");
  for (const { data } of readLog(logs)) text += new TextDecoder().decode(data);
  assert.equal(text, Array.from({ length: 900 }, (_, n) => `line ${n}\n`).join(""));
  const back = new Collector();
  await (await containers.get(id).attach()).follow(back, sink.text.length);
  assert.equal(sink.text + back.text, text);
  await settled();
});

Deno.test("a VM that ends without a word is a container that was lost", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const { id } = await containers.create(request(["sleep"]));
  await containers.get(id).start();
  const waiting = containers.get(id).wait();
  [...home.hypervisor.vms.values()][0]!.crash("it was killed");
  const exit = await waiting;
  assert.deepEqual([exit.reason, exit.status], ["lost", 255]);
  await settled();
  assert.equal(containers.get(id).state, "exited");
});

Deno.test("a VM that ended while no engine ran is told by the next one", async () => {
  await using home = await Home.make();
  const before = await home.open();
  const { id } = await before.create(request(["sleep"]));
  await before.get(id).start();
  before.release();
  [...home.hypervisor.vms.values()][0]!.crash("it was killed");
  await settled();
  const after = await home.open();
  assert.equal((await after.get(id).wait()).reason, "lost");
  assert.equal(after.get(id).state, "exited");
});

Deno.test("a container that ends at once while its engine is away is kept for its client", async () => {
  await using home = await Home.make();
  const before = await home.open();
  const { id } = await before.create(request(["lines", "40"], { autoRemove: true }));
  await before.get(id).start();
  before.release();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const after = await home.open();
  await settled();
  const sink = new Collector();
  const exit = await (await after.get(id).attach()).follow(sink, 0);
  assert.equal(exit?.status, 0);
  assert.equal(sink.text.split("\n").length, 41);
  await after.get(id).remove(true);
});

Deno.test("processes are added, take input, and end on their own", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const { id } = await containers.create(request(["sleep"]));
  const container = containers.get(id);
  await assert.rejects(container.exec(process("echo"), false), /it is not running/);
  await container.start();
  const cat = await container.attach(await container.exec(process("cat"), false));
  const sink = new Collector();
  const following = cat.follow(sink);
  cat.input!.write(0, new TextEncoder().encode("abc"));
  cat.input!.write(1, new TextEncoder().encode("bcdef"));
  cat.input!.end();
  await cat.input!.flush();
  assert.equal((await following)?.status, 0);
  assert.equal(sink.text, "abcdef");
  await container.exec(process("echo", "unseen"), true);
  await settled();
  assert.equal([...home.guests.get(id)!.entries.keys()].length, 1, "ended ones are forgotten");
  await container.remove(true);
});

Deno.test("an engine that begins removes what was half made or half removed", async () => {
  await using home = await Home.make();
  const before = await home.open();
  const { id } = await before.create(request(["sleep"]));
  const other = await before.create(request(["sleep"]));
  await Deno.mkdir(join(home.path, "containers", "0".repeat(64), "logs"), { recursive: true });
  await Deno.remove(join(home.path, "containers", other.id), { recursive: true });
  const after = await home.open();
  assert.deepEqual([...Deno.readDirSync(join(home.path, "containers"))].map((e) => e.name), [id]);
  assert.deepEqual(after.list().map((each) => each.record.config.id), [id]);
});

Deno.test("a container is found by name, by ID, and by the beginning of one", async () => {
  await using home = await Home.make();
  const containers = await home.open();
  const { id } = await containers.create(request(["sleep"], { name: "web" }));
  for (const ref of ["web", id, id.slice(0, 12)]) {
    assert.equal(containers.get(ref).record.config.id, id);
  }
  await assert.rejects(containers.create(request(["sleep"], { name: "web" })), {
    message: 'cannot create "web": the name is taken',
  });
  assert.throws(() => containers.get("we"), { code: "not-found" });
});
