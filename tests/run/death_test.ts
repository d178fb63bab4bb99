import { assert, assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome, ctrHome, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];
const LINES = 300;
const COUNT = `i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo line $i; usleep 10000; done`;
const COUNTED = Array.from({ length: LINES }, (_, i) => `line ${i + 1}\n`).join("");

/** What a child prints, and a promise of its first output. */
function watch(child: Deno.ChildProcess) {
  const began = Promise.withResolvers<void>();
  const text = (async () => {
    let seen = "";
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      seen += part;
      began.resolve();
    }
    return seen;
  })();
  const told = new Response(child.stderr).text();
  return { began: began.promise, text, told };
}

async function untilGone(home: CtrHome): Promise<void> {
  for (const until = performance.now() + 5000; (await home.monitors()).length > 0;) {
    assert(performance.now() < until, "a virtual machine is left");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

vmTest("nobody loses a line when the engine is killed: not run, not logs", async () => {
  await using home = await ctrHome();
  await home.ctr(["image", "pull", ...QUIET, BUSYBOX]);
  const child = await home.spawn(["run", "--name", "n", ...QUIET, BUSYBOX, "sh", "-c", COUNT]);
  const { began, text, told } = watch(child);
  await began;
  Deno.kill(await home.enginePid(), "SIGKILL");
  const at = performance.now();
  assertMatch((await home.ctr(["ls", "--format", "json"])).stdout, /"state":"running"/);
  assert(performance.now() - at < 1000, `adopting took ${performance.now() - at} ms`);
  const stderr = (await told).replace(/^note: guests run in emulation.*\n/, "");
  assertEquals([stderr, (await child.status).code, await text], ["", 0, COUNTED]);
  assertEquals(await home.ctr(["logs", "n"]), { status: 0, stdout: COUNTED, stderr: "" });
  assertEquals((await home.ctr(["rm", "n"])).status, 0);
  assertEquals(await home.litter(), []);
});

vmTest("a VM that is killed ends its container, with a sentence", async () => {
  await using home = await ctrHome();
  const loop = "echo up; while :; do sleep 1; done";
  const child = await home.spawn(["run", "--name", "v", ...QUIET, BUSYBOX, "sh", "-c", loop]);
  const { began, told } = watch(child);
  await began;
  const [monitor] = await home.monitors();
  Deno.kill(monitor!, "SIGKILL");
  assertEquals((await child.status).code, 125);
  assertMatch(await told, /error: cannot go on with "v": its VM ended .*killed.*\nhint: .*\n$/);
  assertEquals((await home.ctr(["wait", "v"])).stdout, "255\n");
  assertEquals((await home.ctr(["logs", "v"])).stdout, "up\n");
  assertEquals((await home.ctr(["exec", "v", "true"])).status, 125);
  assertEquals((await home.ctr(["start", "v"])).status, 0);
  assertEquals((await home.ctr(["rm", "-f", "v"])).status, 0);
  await untilGone(home);
  assertEquals(await home.litter(), []);
});

vmTest("run --rm goes away by itself although the CLI and the engine were killed", async () => {
  await using home = await ctrHome();
  const child = await home.spawn([
    "run",
    "--rm",
    ...QUIET,
    BUSYBOX,
    "sh",
    "-c",
    "echo up; sleep 2",
  ]);
  const { began, text, told } = watch(child);
  await began;
  const engine = await home.enginePid();
  child.kill("SIGKILL");
  Deno.kill(engine, "SIGKILL");
  await Promise.all([child.status, text, told]);
  const [name] = (await home.ctr(["ls", "-q"])).stdout.split("\n");
  await home.ctr(["wait", name!]);
  await untilGone(home);
  // Its output is kept for a while: the client of an engine that was killed may come back.
  for (const until = performance.now() + 20_000; (await home.litter()).length > 0;) {
    assert(performance.now() < until, `left: ${await home.litter()}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assertEquals((await home.ctr(["ls", "-aq"])).stdout, "");
});
