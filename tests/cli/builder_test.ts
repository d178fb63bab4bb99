import { assertEquals } from "./assert.ts";
import { TestHome } from "./ctr.ts";
import { assertGolden } from "./golden.ts";

Deno.test("ctr builder", async (t) => {
  await using home = await TestHome.make();
  const { engine } = home;
  const steps = { total: 5, cached: 2, run: 1 };
  const status = {
    state: "running",
    builds: [{
      id: "b1",
      startedAt: "2026-01-01T00:00:00Z",
      title: "a:1",
      platforms: ["linux/amd64"],
      steps,
    }],
    vms: [{
      platform: "linux/amd64",
      pid: 1,
      cpus: 2,
      memoryInBytes: 2 ** 31,
      addresses: ["10.88.0.2"],
      startedAt: "2026-01-01T00:00:00Z",
    }],
    cache: { records: 2, sizeInBytes: 4096, reclaimable: 4096 },
  };
  const idle = { ...status, state: "idle", builds: [], vms: [] };
  const record = {
    id: "r1",
    type: "regular",
    description: "RUN make",
    parents: ["r0"],
    sizeInBytes: 2048,
    createdAt: "2026-01-01T00:00:00Z",
    lastUsedAt: "2026-01-01T00:00:00Z",
    usageCount: 3,
    inUse: false,
    shared: false,
  };
  engine.on("GET /v1/build/status", () => status);
  engine.on("GET /v1/build/cache", () => [record]);
  engine.on("POST /v1/build/stop", () => ({ stopped: ["b1"] }));
  engine.on("POST /v1/build/prune", () => ({ deleted: ["r1"], reclaimedBytes: 2048 }));
  let text = "";
  const say = async (line: string) => {
    const { status, stdout, stderr } = await home.ctr(line.split(" "));
    const told = (stdout + stderr).replace(/\d+ \w+ ago/, "1 day ago");
    text += `$ ctr ${line}\n${told}(${status})\n\n`;
  };
  await t.step("as people see it", async () => {
    await say("builder start");
    await say("builder start --cpus 4");
    await say("builder status");
    await say("builder status -q");
    await say("builder du");
    await say("builder du --verbose");
    await say("builder du --filter nothing=1");
    await say("builder prune -f --filter until=24h --keep-storage 1g");
    await say("builder delete");
    await say("builder delete -f");
    await say("builder stop");
    engine.on("GET /v1/build/status", () => idle);
    engine.on("POST /v1/build/stop", () => ({ stopped: [] }));
    await say("builder status");
    await say("builder stop");
    await assertGolden(text, "builder.txt");
  });
  await t.step("what it asks for", () => {
    assertEquals(engine.calls.filter((call) => call.includes("cache")), [
      "GET /v1/build/cache?",
      "GET /v1/build/cache?",
    ]);
    assertEquals(engine.bodies.filter((body) => body && "all" in (body as object)), [
      { all: false, filters: ["until=24h"], keepBytes: 2 ** 30 },
      { all: true },
    ]);
  });
  await t.step("status without an engine starts none", async () => {
    await using other = await TestHome.make();
    await other.engine[Symbol.asyncDispose]();
    const { status, stdout, stderr } = await other.ctr(["builder", "status"]);
    assertEquals([status, stdout, stderr], [0, "", "no build goes on\n"]);
  });
});
