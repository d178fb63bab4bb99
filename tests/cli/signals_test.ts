import { Frame } from "../../src/api/wire/mod.ts";
import { assert, assertEquals, assertMatch } from "./assert.ts";
import { TestHome } from "./ctr.ts";
import type { AttachedStream } from "./fake_engine.ts";

const ID = "c".repeat(64);

async function homeThatRuns(): Promise<TestHome> {
  const home = await TestHome.make();
  home.engine.on("POST /v1/containers", () => ({ id: ID, name: "web", warnings: [] }));
  return home;
}

async function nextSignal(stream: AttachedStream): Promise<string> {
  return new TextDecoder().decode((await stream.nextOf(Frame.signal)).payload);
}

Deno.test("run forwards signals", async () => {
  await using home = await homeThatRuns();
  const { promise, resolve } = Promise.withResolvers<AttachedStream>();
  home.engine.attach = (stream) => resolve(stream.started().stdout("ready"));
  await using child = home.spawn(["run", "x"]);
  const output = child.output();
  const stream = await promise;
  for (const name of ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2"]) {
    child.kill(`SIG${name}` as Deno.Signal);
    assertEquals(await nextSignal(stream), name);
  }
  stream.exit(143, { reason: "signal", signal: "TERM" });
  assertEquals((await output).code, 143);
});

Deno.test("run ends with 1 at the third SIGINT", async () => {
  await using home = await homeThatRuns();
  const { promise, resolve } = Promise.withResolvers<AttachedStream>();
  home.engine.attach = (stream) => resolve(stream.started());
  await using child = home.spawn(["run", "x"]);
  const output = child.output();
  const stream = await promise;
  child.kill("SIGINT");
  assertEquals(await nextSignal(stream), "INT");
  child.kill("SIGTERM");
  assertEquals(await nextSignal(stream), "TERM");
  child.kill("SIGINT");
  assertEquals((await output).code, 1);
});

Deno.test("run does not lose a signal that comes while the container is made", async () => {
  await using home = await homeThatRuns();
  const created = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  home.engine.on("POST /v1/containers", async () => {
    created.resolve();
    await go.promise;
    return { id: ID, name: "web", warnings: [] };
  });
  home.engine.on(`DELETE /v1/containers/${ID}?force=1`, () => undefined);
  await using child = home.spawn(["run", "x"]);
  const output = child.output();
  await created.promise;
  child.kill("SIGTERM");
  await new Promise((resolve) => setTimeout(resolve, 50)); // until it has been delivered
  go.resolve();
  const { code, stderr } = await output;
  assertEquals([code, new TextDecoder().decode(stderr)], [143, ""]);
  assertEquals(home.engine.calls.at(-1), `DELETE /v1/containers/${ID}?force=1`);
});

Deno.test("run ends the process and itself with 141 when nobody reads its output", async () => {
  await using home = await homeThatRuns();
  const signals: string[] = [];
  home.engine.attach = async (stream) => {
    stream.started();
    const pump = setInterval(() => stream.stdout("y\n".repeat(1000)), 5);
    signals.push(await nextSignal(stream));
    signals.push(await nextSignal(stream));
    clearInterval(pump);
    stream.exit(137, { reason: "signal", signal: "KILL" });
  };
  await using child = home.spawn(["run", "x", "yes"]);
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const [{ code }, stderr] = await Promise.all([child.status, new Response(child.stderr).text()]);
  assertEquals([code, signals, stderr], [141, ["PIPE", "KILL"], ""]);
});

Deno.test("a list whose reader has gone ends quietly", async () => {
  await using home = await TestHome.make();
  const shell = new Deno.Command("bash", {
    args: ["-c", `set -o pipefail; deno run -A main.ts run --help | true; echo $?`],
    env: { CTR_HOME: home.path },
    stderr: "piped",
  });
  const { stdout, stderr } = await shell.output();
  assertMatch(new TextDecoder().decode(stdout), /^(0|141)\n$/);
  assertEquals(new TextDecoder().decode(stderr), "");
});

Deno.test("attach leaves the container alone when its output closes", async () => {
  await using home = await TestHome.make();
  home.engine.on("GET /v1/containers/web", () => ({
    id: ID,
    name: "web",
    configuration: { initProcess: { terminal: false, interactive: false } },
    status: { state: "running" },
  }));
  const gone = Promise.withResolvers<void>();
  let signals = 0;
  home.engine.attach = async (stream, query) => {
    assertEquals([query.get("start"), query.get("from")], [null, null]);
    stream.offset = 5000n;
    const pump = setInterval(() => stream.stdout("y\n".repeat(1000)), 5);
    for (let frame; (frame = await stream.next());) if (frame.type === Frame.signal) signals++;
    clearInterval(pump);
    gone.resolve();
  };
  await using child = home.spawn(["attach", "web"]);
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  await gone.promise;
  assertEquals([(await child.status).code, signals], [141, 0]);
  assert(!child.stderr.locked);
  await child.stderr.cancel();
});
