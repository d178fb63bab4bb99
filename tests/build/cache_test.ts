import assert from "node:assert/strict";
import { BuildHome, buildTest, folderOf, must } from "./support/build_home.ts";
import type { Report } from "./support/report.ts";

const FILES = {
  "Dockerfile": `FROM busybox
ARG NAME=one
COPY a /a
COPY folder /folder
LABEL name=$NAME
`,
  ".dockerignore": "ignored\n",
  "a": "a",
  "folder/b": "b",
  "ignored/c": "c",
};

/** Digests of the layers of what was made, bottom first. */
async function layers(home: BuildHome, { result }: Report): Promise<string[]> {
  const digest = result!.platforms[0]!.digest;
  const manifest = JSON.parse(await Deno.readTextFile(home.blob(digest)));
  return manifest.layers.map((layer: { digest: string }) => layer.digest);
}

buildTest("a step is run again when what it is made of is another, and only then", async (t) => {
  await using home = await BuildHome.open();
  await using context = await folderOf(FILES);
  const build = (...flags: string[]) => home.mustReport(["-t", "x", ...flags, context.path]);
  const first = await build();
  assert.deepEqual(first.cached.filter((title) => title.startsWith("COPY")), []);
  const copied = (report: Report) => report.cached.filter((title) => title.startsWith("COPY"));

  await t.step(
    "nothing is changed: everything comes from the cache, and it is the same image",
    async () => {
      const again = await build();
      assert.equal(copied(again).length, 2);
      assert.equal(again.result!.steps.run, 0);
      assert.deepEqual(await layers(home, again), await layers(home, first));
    },
  );

  await t.step("times alone do not count, nor what is ignored", async () => {
    await Deno.utime(`${context.path}/a`, 1, 1);
    await context.write({ "ignored/c": "another", "ignored/d": "d" });
    assert.equal(copied(await build()).length, 2);
  });

  await t.step("the same bytes written anew do not count", async () => {
    await Deno.remove(`${context.path}/folder/b`);
    await context.write({ "folder/b": "b" });
    assert.equal(copied(await build()).length, 2);
  });

  await t.step("a content that has changed counts, also with its old time and size", async () => {
    const { mtime, atime } = await Deno.stat(`${context.path}/folder/b`);
    await context.write({ "folder/b": "B" });
    await Deno.utime(`${context.path}/folder/b`, atime!, mtime!);
    assert.deepEqual(copied(await build()), ["COPY a /a"]);
  });

  await t.step("a mode that has changed counts, and so does all that follows", async () => {
    await Deno.chmod(`${context.path}/a`, 0o600);
    assert.deepEqual(copied(await build()), []);
  });

  await t.step("a new name counts, a name that is gone too", async () => {
    await context.write({ "folder/new": "" });
    assert.deepEqual(copied(await build()), ["COPY a /a"]);
    await Deno.remove(`${context.path}/folder/new`);
    assert.equal(copied(await build()).length, 2, "what was built before is found again");
  });

  await t.step("arguments count where they are used", async () => {
    const other = await build("--build-arg", "NAME=two");
    const inspected = JSON.parse(await home.must("image", "inspect", "x"));
    assert.match(JSON.stringify(inspected), /"name":\s?"two"/);
    assert.equal(other.result!.steps.run, 0, "a label makes no layer");
  });

  await t.step("--no-cache runs every step, and gives the same layers", async () => {
    const anew = await build("--no-cache");
    assert.deepEqual(copied(anew), []);
    assert.deepEqual(await layers(home, anew), await layers(home, await build()));
  });
});

async function digestOf(home: BuildHome, image: string): Promise<string> {
  const [{ configuration }] = JSON.parse(await home.must("image", "ls", "--format", "json", image));
  return configuration.descriptor.digest;
}

buildTest("a cached RUN starts no VM, and two builds at once run it once", async (t) => {
  await using home = await BuildHome.open();
  await using context = await folderOf({
    "Dockerfile": `FROM busybox
RUN echo started; cat /proc/sys/kernel/random/uuid > /id
COPY a /a
CMD ["cat", "/id"]
`,
    "a": "a",
  });
  await t.step("two at once", async () => {
    const [one, two] = await Promise.all(
      ["one", "two"].map((name) => home.mustReport(["-t", name, context.path])),
    );
    assert.deepEqual(await layers(home, one!), await layers(home, two!));
    assert.equal(one!.log.includes("started") && two!.log.includes("started"), false);
  });
  await t.step("the image runs, as it is", async () => {
    const uuid = /^[0-9a-f-]{36}\n$/;
    const run = await home.home.ctr(["run", "--rm", "--progress", "none", "one"]);
    assert.match(must(run, "run").stdout, uuid);
  });
  await t.step("nothing changed: no VM", async () => {
    const again = await home.mustReport(["-t", "three", context.path]);
    assert.equal(again.cached.some((title) => title.startsWith("RUN")), true);
    assert.equal(again.events.some((event) => JSON.stringify(event).includes("booting")), false);
    assert.deepEqual(await home.home.monitors(), []);
  });
  await t.step("a file above it changed: still no VM", async () => {
    await context.write({ "a": "b" });
    const again = await home.mustReport(["-t", "four", context.path]);
    assert.equal(again.cached.some((title) => title.startsWith("RUN")), true);
    assert.equal(again.ran.some((title) => title.startsWith("COPY")), true);
  });
  await t.step("the VM is gone when the build is", async () => {
    assert.deepEqual(await home.home.monitors(), []);
  });
  await t.step("pruned: it is run again, and images stay whole", async () => {
    await home.must("builder", "prune", "--all", "--force");
    const again = await home.mustReport(["-t", "five", context.path]);
    assert.equal(again.log.includes("started"), true);
    assert.ok((await home.look(await digestOf(home, "four"))).tree.has("id"));
  });
});
