import { assertEquals, assertMatch } from "./assert.ts";
import { runCtr, TestHome } from "./ctr.ts";
import { refusal, version } from "./fake_engine.ts";

const main = new URL("main_with_fake_engine.ts", import.meta.url).pathname;

async function engines(home: string): Promise<string[]> {
  return (await Deno.readTextFile(`${home}/engines`)).trim().split("\n");
}

Deno.test("the first commands start one engine between them, in a session of its own", async () => {
  const home = await Deno.makeTempDir({ prefix: "ctr-cli-" });
  const results = await Promise.all([1, 2, 3, 4].map(() => runCtr(home, ["ls", "-q"], { main })));
  assertEquals(results, Array(4).fill({ status: 0, stdout: "", stderr: "" }));
  const [pid, ...more] = await engines(home);
  assertEquals(more, []);
  const session = (await Deno.readTextFile(`/proc/${pid}/stat`)).split(" ")[5];
  assertEquals(session, pid);
  const stopped = await runCtr(home, ["system", "stop"], { main });
  assertEquals(stopped, { status: 0, stdout: "", stderr: "" });
  const again = await runCtr(home, ["system", "stop"], { main });
  assertEquals(again, { status: 0, stdout: "", stderr: "note: the engine does not run\n" });
  await Deno.remove(home, { recursive: true });
});

Deno.test("a socket that an engine left behind does not matter", async () => {
  const home = await Deno.makeTempDir({ prefix: "ctr-cli-" });
  await Deno.mkdir(`${home}/run`);
  Deno.listen({ transport: "unix", path: `${home}/run/engine.sock` }).close();
  const { status, stderr } = await runCtr(home, ["ls", "-q"], { main });
  // The fake does not clean up as the engine does; what counts is that one was started.
  assertEquals([status === 0 || /cannot start the engine/.test(stderr)], [true]);
  assertEquals((await engines(home)).length, 1);
  await runCtr(home, ["system", "stop"], { main });
  await Deno.remove(home, { recursive: true });
});

Deno.test("an engine that cannot start is told with the last line of its log", async () => {
  const home = await Deno.makeTempDir({ prefix: "ctr-cli-" });
  const { status, stdout, stderr } = await runCtr(home, ["ls"], {
    main,
    env: { FAKE_ENGINE: "dies" },
  });
  assertEquals([status, stdout], [1, ""]);
  assertMatch(
    stderr,
    /^error: cannot start the engine: it ended with status 3: .*cannot open state.db: disk is full\nhint: see .*engine.log, and "ctr doctor"\n$/,
  );
  await Deno.remove(home, { recursive: true });
});

Deno.test("an engine of another version is not used while containers run in it", async () => {
  await using home = await TestHome.make();
  home.engine.on("GET /v1/version", () => version(99));
  home.engine.on("GET /v1/status", () => ({ running: 2 }));
  const { status, stderr } = await home.ctr(["ls"]);
  assertEquals([status, stderr], [
    1,
    "error: cannot use the engine: it is of ctr 0.0.0 and this is ctr 0.1.0\n" +
    "hint: stop its 2 containers with the other ctr, then try again\n",
  ]);
});

Deno.test("what the engine refuses is told in its words", async () => {
  await using home = await TestHome.make();
  home.engine.on("GET /v1/containers/nope", () => {
    throw refusal("invalid-state", 'cannot look at "nope": it is gone', "look elsewhere");
  });
  assertEquals(await home.ctr(["inspect", "nope"]), {
    status: 1,
    stdout: "",
    stderr: 'error: cannot look at "nope": it is gone\nhint: look elsewhere\n',
  });
});
