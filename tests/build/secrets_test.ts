import assert from "node:assert/strict";
import { BuildHome, buildTest, folderOf, must } from "./support/build_home.ts";

const FILE = "correct-horse-battery-staple-file";
const VARIABLE = "correct-horse-battery-staple-variable";

buildTest("a secret is in no layer, disk, record, log, history or cache", async (t) => {
  await using home = await BuildHome.open();
  await using context = await folderOf({
    "Dockerfile": `FROM busybox
RUN --mount=type=secret,id=file cat /run/secrets/file | wc -c > /length
RUN --mount=type=secret,id=variable,env=TOKEN,target=/root/token,mode=0440,uid=1000,gid=50 \\
    echo "$TOKEN" | wc -c >> /length; stat -c '%a %u:%g' /root/token >> /length; wc -c < /root/token >> /length
RUN --mount=type=secret,id=absent [ ! -e /run/secrets/absent ] && ls -A /run /root > /left; true
CMD ["cat", "/length", "/left"]
`,
  });
  const secret = `${home.scratch}/secret`;
  await Deno.writeTextFile(secret, FILE);
  const flags = ["--secret", `id=file,src=${secret}`, "--secret", "id=variable,env=TOKEN_IN"];
  const build = (...more: string[]) =>
    home.mustBuild([...flags, ...more, "-t", "x", context.path], { env: { TOKEN_IN: VARIABLE } });
  const first = await build();

  await t.step("steps see it, with the mode and owner that they ask for", async () => {
    const run = await home.home.ctr(["run", "--rm", "--progress", "none", "x"]);
    const { stdout } = must(run, "run");
    assert.deepEqual(stdout.split("\n").slice(0, 4), [
      String(FILE.length),
      String(VARIABLE.length + 1),
      "440 1000:50",
      String(VARIABLE.length),
    ]);
  });

  await t.step("its value is no part of the cache's key", async () => {
    await Deno.writeTextFile(secret, `${FILE}-and-more`);
    assert.match((await build()).stderr, /cached/);
    assert.equal((await home.mustReport([...flags, "-t", "x", context.path])).result!.steps.run, 0);
  });

  await t.step(
    "its bytes are in no file of the home, compressed or not, nor in what was shown",
    async () => {
      assert.ok(!first.stderr.includes("battery-staple"), first.stderr);
      const found: string[] = [];
      for await (const path of files(home.home.path)) {
        if (await holds(path, "battery-staple")) found.push(path);
      }
      assert.deepEqual(found, []);
      // The search finds what is there: the command itself.
      const histories: string[] = [];
      for await (const path of files(`${home.home.path}/content`)) {
        if (await holds(path, "/run/secrets/file")) histories.push(path);
      }
      assert.notEqual(histories.length, 0);
    },
  );

  await t.step("a required one that is missing is named", async () => {
    await context.write({
      "Dockerfile": "FROM busybox\nRUN --mount=type=secret,id=needed,required=true true\n",
    });
    const failed = await home.build([context.path]);
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /secret "?needed"?/);
  });
});

async function* files(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* files(path);
    else if (entry.isFile) yield path;
  }
}

/** Whether a file has the text in it, as it is or within gzip. Disks are sparse: their holes are not read. */
async function holds(path: string, text: string): Promise<boolean> {
  const script =
    `grep -qaF -- "$1" "$2" || { gzip -t "$2" 2> /dev/null && zcat "$2" | grep -qaF -- "$1"; }`;
  const { success } = await new Deno.Command("sh", {
    args: ["-c", script, "sh", text, path],
    stderr: "null",
  }).output();
  return success;
}
