import assert from "node:assert/strict";
import { join } from "node:path";
import { busyboxLayout, EngineHome } from "./engine_home.ts";

const ignore = busyboxLayout() === undefined;

Deno.test({ name: "an engine comes and goes while containers run", ignore }, async (t) => {
  await using home = await EngineHome.make();
  const id = await home.create(["sh", "-c", "echo begun; sleep 1000"]);
  await home.call(`POST /containers/${id}/start`);

  await t.step("SIGTERM ends it and leaves them alone", async () => {
    await home.killEngine("SIGTERM");
    assert.equal(await home.engineEnded(), 0);
    assert.equal(home.monitors().length, 1);
    await home.start();
    const [container] = await home.call("GET /containers");
    assert.deepEqual([container.id, container.status.state], [id, "running"]);
    assert.equal(container.status.accelerator !== undefined, true);
  });

  await t.step("a second engine leaves the home to the first", async () => {
    const first = home.enginePid;
    await home.start();
    assert.equal(await home.engineEnded(), 0);
    assert.equal((await home.call("GET /version")).pid, first);
  });

  await t.step("shutdown stops them, then it ends", async () => {
    await home.call("POST /shutdown", { timeoutMs: 100 });
    for (let i = 0; i < 100 && home.monitors().length > 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(home.monitors().length, 0);
    await home.start();
    const { status } = await home.call(`GET /containers/${id}`);
    assert.deepEqual([status.state, status.exit.signal], ["exited", "SIGKILL"]);
  });
});

Deno.test({ name: "an engine without work ends itself", ignore }, async () => {
  await using home = await EngineHome.make({ CTR_IDLE_TIMEOUT: "2s" });
  const { id } = await home.run(["true"]);
  assert.equal(await home.engineEnded(), 0);
  await home.start();
  assert.equal((await home.call(`GET /containers/${id}`)).status.state, "exited");
});

Deno.test({ name: "requests that are wrong are refused with a sentence", ignore }, async (t) => {
  await using home = await EngineHome.make();
  const cases: [string, unknown, RegExp][] = [
    ["GET /nothing", undefined, /^Error: 404 not-found: .*there is no such route/],
    [
      "POST /containers",
      { image: "busybox" },
      /^Error: 400 usage: cannot read the request: process/,
    ],
    [
      "POST /containers",
      { image: "busybox", process: {}, surprise: 1 },
      /^Error: 400 usage: .*"surprise"/,
    ],
    ["POST /containers", { image: "missing", process: {} }, /^Error: 404 not-found: /],
    ["POST /containers/none/start", undefined, /^Error: 404 not-found: .*no such container/],
    ["GET /containers/%ff", undefined, /^Error: 400 usage: /],
  ];
  for (const [line, body, message] of cases) {
    await t.step(line, () => assert.rejects(home.call(line, body), message));
  }
});

Deno.test({ name: "a container's log is rotated by size and read by lines", ignore }, async () => {
  await using home = await EngineHome.make();
  await home.killEngine();
  await Deno.writeTextFile(
    join(home.path, "config.toml"),
    '[log]\nsegment_size = "64k"\nsegments = 2\n',
  );
  await home.start();
  const { id } = await home.run(["sh", "-c", "seq 1 60000"]);
  const segments = [...Deno.readDirSync(join(home.path, "containers", id, "logs"))]
    .filter(({ name }) => name.endsWith(".log") && name !== "boot.log");
  assert.equal(segments.length, 2);
  const lines = (await home.logText(id, "tail=3")).split("\n");
  assert.deepEqual(lines, ["59998", "59999", "60000", ""]);
});
