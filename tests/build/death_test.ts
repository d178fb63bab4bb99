/** Whatever dies, and whenever: what the cache says stays true, and nothing stays behind. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { BuildHome, buildTest, folderOf, must } from "./support/build_home.ts";
import { run } from "../image/support/tools.ts";

const DOCKERFILE = `FROM busybox AS one
COPY big /big
RUN echo building; head -c 3000000 /dev/urandom > /random; sha256sum /random | cut -c1-64 > /sum
RUN sha256sum /random | cut -c1-64 | cmp - /sum
FROM scratch
COPY --from=one /random /sum /
`;
/** Milliseconds after the build has begun, or what it has said. */
const MOMENTS = [/COPY/, /building/, 1500];

buildTest("kill -9 of the engine at any moment: the next build is right", async (t) => {
  await using home = await BuildHome.open();
  await using context = await folderOf({ Dockerfile: DOCKERFILE });
  for (const moment of MOMENTS) {
    await t.step(String(moment), async () => {
      await Deno.writeTextFile(`${context.path}/big`, `${moment}${"x".repeat(4_000_000)}`);
      await home.must("system", "start");
      const pid = await home.home.enginePid();
      const child = await home.home.spawn([
        "build",
        "--progress",
        "plain",
        "-t",
        "x",
        context.path,
      ]);
      const said = saying(child.stderr);
      await (typeof moment === "number" ? said.first.then(() => pause(moment)) : said.of(moment));
      Deno.kill(pid, "SIGKILL");
      await said.end;
      await child.stdout.cancel();
      await child.status;
      const out = `${home.scratch}/${crypto.randomUUID()}`;
      await home.mustBuild(["-t", "x", "-o", out, "-o", "type=image", context.path]);
      const sum = createHash("sha256").update(await Deno.readFile(`${out}/random`)).digest("hex");
      assert.equal(`${sum}\n`, await Deno.readTextFile(`${out}/sum`));
    });
  }
  await t.step("nothing is left: no VM, no folder, no half-written file", async () => {
    const folder = `${home.home.path}/builds`;
    await soon("VMs are gone", async () => (await home.home.monitors()).length === 0);
    await soon(
      "folders are gone",
      () => Promise.resolve([...Deno.readDirSync(folder)].length === 0),
    );
    // An engine sweeps a few seconds after it has begun.
    await soon("leases are gone", async () => (await home.home.litter()).length === 0);
  });
});

buildTest("a build that is given up ends its steps, and leaves nothing", async () => {
  await using home = await BuildHome.open();
  await using context = await folderOf({
    Dockerfile: "FROM busybox\nRUN echo waiting; sleep 1000\n",
  });
  const child = await home.home.spawn(["build", "--progress", "plain", context.path]);
  const said = saying(child.stderr);
  await said.of(/waiting/);
  child.kill("SIGINT");
  await said.end;
  await child.stdout.cancel();
  assert.equal((await child.status).code, 130);
  await soon("the VM is gone", async () => (await home.home.monitors()).length === 0);
  await soon("the build is gone", async () => {
    const status = JSON.parse(await home.must("builder", "status", "--format", "json"));
    return [status].flat().every(({ builds }) => builds.length === 0);
  });
});

buildTest("a disk that is full ends a build with one sentence", async (t) => {
  if (Deno.uid() !== 0) return;
  const place = await Deno.makeTempDir({ prefix: "ctr-full-" });
  await run("mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", place);
  try {
    await using home = await BuildHome.open();
    await using context = await folderOf({ Dockerfile: "FROM busybox\nCOPY big /big\n" });
    await run("sh", "-c", `head -c 80000000 /dev/urandom > ${context.path}/big`);
    const env = { CTR_HOME: `${place}/home` };
    await t.step("COPY", async () => {
      const { status, stderr } = await home.build([context.path], { env });
      assert.equal(status, 1);
      assert.match(stderr, /^error: [^\n]*(no space|full)[^\n]*$/im);
      assert.equal(stderr.match(/^error: /gm)?.length, 1);
    });
    await t.step("the next build that fits is right", async () => {
      await Deno.writeTextFile(`${context.path}/big`, "small");
      must(await home.build(["-t", "x", context.path], { env }), "build");
    });
    must(await home.home.ctr(["system", "stop"], { env }), "system stop");
  } finally {
    await run("umount", "-l", place);
    await Deno.remove(place);
  }
});

/** What a stream says, as it comes. */
function saying(stream: ReadableStream<Uint8Array>) {
  let text = "";
  let ended = false;
  let wake = Promise.withResolvers<void>();
  const end = (async () => {
    for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
      text += piece;
      wake.resolve();
      wake = Promise.withResolvers<void>();
    }
    ended = true;
    wake.resolve();
  })();
  const of = async (pattern: RegExp) => {
    while (!pattern.test(text)) {
      assert.ok(!ended, `it ended without ${pattern}:\n${text}`);
      await wake.promise;
    }
  };
  return { end, of, first: of(/./) };
}

async function soon(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + 10_000; !await holds();) {
    assert.ok(Date.now() < until, `after 10 s not: ${what}`);
    await pause(50);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
