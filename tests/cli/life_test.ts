import { assertEquals, assertMatch } from "./assert.ts";
import { runCtr, TestHome } from "./ctr.ts";
import { container } from "./examples.ts";
import { refusal } from "./fake_engine.ts";

const EVENT = {
  time: "2026-01-31T12:00:00.000Z",
  type: "container",
  action: "die",
  id: "a1",
  name: "web",
  attributes: { image: "docker.io/library/busybox:latest", exitCode: "3" },
};

/** An engine that knows `a` and `b`, does nothing with `gone`, and is slow with `a`. */
async function homeWith(action: string, answer: unknown = undefined): Promise<TestHome> {
  const home = await TestHome.make();
  home.engine.on(`POST /v1/containers/a/${action}`, async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    return answer;
  });
  home.engine.on(`POST /v1/containers/b/${action}`, () => answer);
  home.engine.on(`POST /v1/containers/gone/${action}`, () => {
    throw refusal("not-found", 'cannot find "gone": there is no such container');
  });
  home.engine.on("GET /v1/containers", () => [container("1", "a", "running")]);
  return home;
}

for (const action of ["stop", "restart", "kill", "pause", "unpause"]) {
  Deno.test(`${action} acts on all at once, tells each in its turn, and goes on after a failure`, async () => {
    await using home = await homeWith(action);
    const { status, stdout, stderr } = await home.ctr([action, "a", "gone", "b", "a"]);
    assertEquals([status, stdout], [1, "a\nb\n"]);
    assertEquals(stderr, 'error: cannot find "gone": there is no such container\n');
    const posts = home.engine.calls.filter((call) => call.startsWith("POST"));
    assertEquals(posts.length, 3, "one named twice is acted on once");
  });
}

Deno.test("--all means what runs, and no names beside it", async () => {
  await using home = await homeWith("restart");
  assertEquals((await home.ctr(["restart", "--all", "-t", "3"])).stdout, "a\n");
  assertEquals(home.engine.bodies.at(-1), { timeoutMs: 3000 });
  const both = await home.ctr(["restart", "--all", "a"]);
  assertEquals([both.status, both.stdout], [2, ""]);
  assertMatch(both.stderr, /the two conflict/);
  assertMatch((await home.ctr(["stop"])).stderr, /want at least one container, or --all/);
});

Deno.test("wait prints statuses, or names when it waits for something else", async () => {
  await using home = await homeWith("wait", {
    status: 7,
    reason: "exited",
    finishedAt: EVENT.time,
  });
  assertEquals((await home.ctr(["wait", "b", "a"])).stdout, "7\n7\n");
  const named = await home.ctr(["wait", "--for", "healthy", "--timeout", "1m30s", "b"]);
  assertEquals(named.stdout, "b\n");
  assertEquals(home.engine.bodies.at(-1), { for: "healthy", timeoutMs: 90_000 });
  const wrong = await home.ctr(["wait", "--for", "sunny", "b"]);
  assertMatch(wrong.stderr, /want stopped, running, healthy or removed/);
});

Deno.test("update says what waits for the next start, and wants something to do", async () => {
  const warning = "--cpus 4 applies at the next start: the VM was booted with 1 CPU";
  await using home = await homeWith("update", { warnings: [warning] });
  const flags = ["-m", "64m", "--cpus", "4", "--pids-limit", "-1", "--restart", "on-failure:3"];
  assertEquals(await home.ctr(["update", ...flags, "b"]), {
    status: 0,
    stdout: "b\n",
    stderr: `warning: b: ${warning}\n`,
  });
  assertEquals(home.engine.bodies.at(-1), {
    memoryBytes: 64 << 20,
    cpus: 4,
    pidsLimit: 0,
    restart: { name: "on-failure", maximumRetries: 3 },
  });
  assertMatch((await home.ctr(["update", "b"])).stderr, /want something to change/);
  assertMatch((await home.ctr(["update", "-m", "64", "b"])).stderr, /did you mean "64M"\?/);
  assertMatch((await home.ctr(["update", "-m", "8m", "b"])).stderr, /want at least 32M/);
});

Deno.test("rename prints the new name, prune what went and what came back", async () => {
  await using home = await homeWith("rename");
  assertEquals((await home.ctr(["rename", "b", "c"])).stdout, "c\n");
  home.engine.on("POST /v1/containers/prune", () => ({
    removed: ["1", "2"],
    reclaimedBytes: 3 << 20,
  }));
  assertEquals(await home.ctr(["prune", "-f", "--filter", "until=1h", "--filter", "label=x"]), {
    status: 0,
    stdout: "1\n2\n",
    stderr: "Reclaimed 3 MiB in disk space\n",
  });
  assertEquals(home.engine.bodies.at(-1), { filters: ["until=1h", "label=x"] });
  home.engine.on("POST /v1/containers/prune", () => ({ removed: [], reclaimedBytes: 0 }));
  assertEquals((await home.ctr(["prune"])).stderr, "Reclaimed Zero KB in disk space\n");
});

Deno.test("events come as sentences, as JSON, or as a template says", async () => {
  await using home = await TestHome.make();
  home.engine.on("GET /v1/events", (_, response) => {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    response.write(`${JSON.stringify(EVENT)}\n`.slice(0, 20));
    response.end(`${JSON.stringify(EVENT)}\n`.slice(20));
  });
  const until = ["--until", "2026-02-01T00:00:00Z"];
  const events = (...args: string[]) => home.ctr(["events", ...until, ...args]);
  assertEquals(
    (await events("--since", "2026-01-31T00:00:00Z", "--filter", "event=die")).stdout,
    "2026-01-31T12:00:00.000Z container die a1 " +
      "(exitCode=3, image=docker.io/library/busybox:latest, name=web)\n",
  );
  assertEquals(
    home.engine.calls.at(-1),
    "GET /v1/events?follow=1&since=1769817600000&until=1769904000000&filter=event%3Ddie",
  );
  assertEquals(JSON.parse((await events("--format", "json")).stdout), EVENT);
  const template = '{{.Type}} {{.Action}} {{index .Actor.Attributes "exitCode"}}';
  assertEquals((await events("--format", template)).stdout, "container die 3\n");
  assertMatch((await events("--format", "xml")).stderr, /cannot use --format "xml"/);
  assertMatch((await home.ctr(["events", "--since", "soon"])).stderr, /cannot read the duration/);
});

Deno.test("whether the service is enabled is told without an engine", async () => {
  const config = await Deno.makeTempDir();
  try {
    const env = { XDG_CONFIG_HOME: config };
    const result = await runCtr("/nonexistent/ctr", ["service", "status"], { env });
    assertEquals([result.status, result.stderr], [1, ""]);
    assertMatch(result.stdout, /^FIELD +VALUE\nservice +disabled\nengine +not running\n$/);
  } finally {
    await Deno.remove(config, { recursive: true });
  }
});
