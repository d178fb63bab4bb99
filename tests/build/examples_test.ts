/** Every folder of `examples/` is built and run. */
import assert from "node:assert/strict";
import { BuildHome, buildTest, must } from "./support/build_home.ts";
import { inLanes } from "./support/lanes.ts";

const EXAMPLES = new URL("../../examples/", import.meta.url).pathname;

interface Example {
  readonly flags?: readonly string[];
  readonly env?: Record<string, string>;
  /** What `ctr run` with these words prints. */
  readonly run?: readonly [words: readonly string[], prints: RegExp];
  /** The port it serves, and what it answers. */
  readonly serves?: readonly [port: number, answers: RegExp];
}

const TOKEN = "token-of-the-example";

buildTest("the examples build, and what they make runs", async (t) => {
  await using home = await BuildHome.open();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const known = request.headers.get("authorization") === `Bearer ${TOKEN}`;
    return known ? new Response("for those who know\n") : new Response("", { status: 401 });
  });
  const url = `http://host.docker.internal:${server.addr.port}/`;
  const examples: Record<string, Example> = {
    "static-site": { serves: [8080, /Served from a virtual machine/] },
    "c": { run: [["20"], /^2\n3\n5\n7\n11\n13\n17\n19\n$/] },
    "multi-stage": {
      flags: ["--build-arg", "TITLE=made in stages"],
      run: [[], /<title>made in stages<\/title>/],
    },
    "secret": {
      flags: ["--secret", "id=token,env=TOKEN", "--build-arg", `URL=${url}`],
      env: { TOKEN },
      run: [[], /^for those who know\n$/],
    },
    "go": { run: [["3600"], /^1 hour ago\n$/] },
    "python": { serves: [8000, /^hello, world\n$/] },
    "cache-mount": { run: [[], /^([0-9A-Z]{26}\n){3}$/] },
    "node": { serves: [3000, /^up for .* (second|ms|minute)/] },
  };
  const folders = [...Deno.readDirSync(EXAMPLES)].filter(({ isDirectory }) => isDirectory);
  assert.deepEqual(folders.map(({ name }) => name).sort(), Object.keys(examples).sort());

  const built = inLanes(
    2,
    Object.entries(examples),
    ([name, { flags = [], env = {} }]) =>
      home.mustBuild(["-t", name, ...flags, `${EXAMPLES}${name}`], { env }),
  );
  for (const [index, [name, example]] of Object.entries(examples).entries()) {
    await t.step(name, async () => {
      await built[index];
      await runs(home, name, example);
    });
  }
  await t.step("multi-stage: its tests pass", async () => {
    await home.mustBuild(["--target", "test", `${EXAMPLES}multi-stage`]);
  });
  await t.step("cache-mount: what was downloaded is still there", async () => {
    const again = await home.mustBuild(["--no-cache", `${EXAMPLES}cache-mount`]);
    assert.doesNotMatch(again.stderr, /downloading/);
  });
  await server.shutdown();
});

async function runs(home: BuildHome, name: string, { run, serves }: Example): Promise<void> {
  if (run) {
    const args = ["run", "--rm", "--progress", "none", name, ...run[0]];
    assert.match(must(await home.home.ctr(args), name).stdout, run[1]);
  }
  if (!serves) return;
  const port = ["-p", `127.0.0.1::${serves[0]}`];
  await home.must("run", "-d", "--name", name, "--progress", "none", ...port, name);
  const [address] = (await home.must("port", name, String(serves[0]))).trim().split("\n");
  assert.match(await answer(`http://${address}/`), serves[1]);
  await home.must("rm", "-f", name);
}

/** The program needs a moment until it listens. */
async function answer(url: string): Promise<string> {
  for (const until = Date.now() + 30_000;;) {
    try {
      return await (await fetch(url)).text();
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
