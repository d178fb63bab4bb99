import assert from "node:assert/strict";
import { busyboxLayout, EngineHome } from "./engine_home.ts";

const ignore = busyboxLayout() === undefined;

async function until(what: string, ms: number, done: () => boolean | Promise<boolean>) {
  for (const end = performance.now() + ms; !await done();) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test({ name: "the engine runs containers in VMs", ignore }, async (t) => {
  await using home = await EngineHome.make();

  await t.step("output, streams and status arrive", async () => {
    const { exit, stdout, stderr } = await home.run([
      "sh",
      "-c",
      "echo out; echo err >&2; exit 42",
    ]);
    assert.deepEqual([stdout, stderr, exit.status, exit.reason], ["out\n", "err\n", 42, "exited"]);
  });

  await t.step("what removes itself leaves nothing", async () => {
    const { id } = await home.run(["true"], { autoRemove: true });
    await until("removal", 5000, () => !home.containerFolders().includes(id));
    await assert.rejects(home.call(`GET /containers/${id}`), /no such container/);
  });

  await t.step("input goes in, its end too", async () => {
    const id = await home.create(["cat"], { process: { interactive: true }, autoRemove: true });
    const client = await home.attach(id, "start=1&stdin=1");
    await client.input("some ");
    await client.input("input");
    await client.send(0x02);
    assert.equal((await client.exit).status, 0);
    assert.equal(client.stdout, "some input");
  });

  await t.step("a command that is not there is told as such", async () => {
    const id = await home.create(["no-such-program"]);
    await assert.rejects(home.call(`POST /containers/${id}/start`), /command-not-found/);
    assert.equal((await home.call(`GET /containers/${id}`)).status.state, "created");
  });

  await t.step("a container keeps its files from one start to the next", async () => {
    const { id } = await home.run(["sh", "-c", "cat /kept 2>/dev/null; echo again >> /kept"]);
    const client = await home.attach(id, "start=1");
    await client.exit;
    assert.equal(client.stdout, "again\n");
  });

  await t.step("a running one is stopped, killed, executed in, removed", async () => {
    const id = await home.create(["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done"]);
    await home.call(`POST /containers/${id}/start`);
    const { processId } = await home.call(`POST /containers/${id}/exec`, {
      process: { args: ["sh", "-c", "echo inside; exit 3"] },
    });
    const exec = await home.attach(id, `process=${processId}&start=1`);
    assert.equal((await exec.exit).status, 3);
    assert.equal(exec.stdout, "inside\n");
    await assert.rejects(home.call(`DELETE /containers/${id}`), /it is running/);
    await home.call(`POST /containers/${id}/stop`, {});
    assert.equal((await home.call(`POST /containers/${id}/wait`)).status, 7);
    await home.call(`POST /containers/${id}/stop`, {});
    await home.call(`DELETE /containers/${id}`);
    assert(!home.containerFolders().includes(id));
  });

  await t.step(
    "a VM that is killed is a container that was lost, and nothing is left",
    async () => {
      const id = await home.create(["sleep", "1000"]);
      await home.call(`POST /containers/${id}/start`);
      const { status } = await home.call(`GET /containers/${id}`);
      Deno.kill(status.pid, "SIGKILL");
      const exit = await home.call(`POST /containers/${id}/wait`);
      assert.equal(exit.reason, "lost");
      await until("the VM's folder goes", 5000, () => home.monitors().length === 0);
      assert.equal((await home.call(`GET /containers/${id}`)).status.state, "exited");
    },
  );

  await t.step("memory that runs out is told as the reason", async () => {
    const { exit } = await home.run(["sh", "-c", "x=a; while :; do x=$x$x; done"], {
      memoryBytes: 64 << 20,
    });
    assert.equal(exit.reason, "oom");
  });
});

Deno.test({ name: "a killed engine loses nothing", ignore }, async (t) => {
  await using home = await EngineHome.make();
  const script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done";
  const expected = Array.from({ length: 20_000 }, (_, n) => `line ${n}\n`).join("");

  await t.step("every line arrives once, at the client and in the log", async () => {
    const id = await home.create(["sh", "-c", script]);
    let client = await home.attach(id, "start=1");
    await client.started;
    let seen = "";
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setTimeout(resolve, 150));
      await home.killEngine();
      await client.exit.catch(() => {});
      seen += client.stdout;
      const tookMs = await home.start();
      const began = performance.now();
      const { status } = await home.call(`GET /containers/${id}`);
      console.log(
        `adopted ${status.state} in ${Math.round(performance.now() - began)} ms after`,
        `${Math.round(tookMs)} ms of start`,
      );
      client = await home.attach(id, `from=${client.offset}`);
    }
    assert.equal((await client.exit).status, 0);
    assert.equal(seen + client.stdout, expected);
    const log = await home.logText(id);
    assert.equal(log, expected);
  });

  await t.step(
    "at any moment of create, start and rm, what is left is whole or swept",
    async () => {
      for (let round = 0; round < 8; round++) {
        const work = (async () => {
          const id = await home.create(["sleep", "100"]);
          await home.call(`POST /containers/${id}/start`);
          await home.call(`DELETE /containers/${id}?force=1`);
        })().catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 10 + Math.random() * 2500));
        await home.killEngine();
        await work;
        await home.start();
        const all = await home.call("GET /containers?all=1");
        await until("swept", 10_000, async () => {
          const known = (await home.call("GET /containers?all=1")).map((each: { id: string }) =>
            each.id
          );
          return JSON.stringify(known.sort()) === JSON.stringify(home.containerFolders());
        });
        for (const { id, status } of all) {
          assert(["created", "running", "exited"].includes(status.state), status.state);
          await home.call(`DELETE /containers/${id}?force=1`);
        }
        await until("no VM is left", 5000, () => home.monitors().length === 0);
      }
    },
  );
});
