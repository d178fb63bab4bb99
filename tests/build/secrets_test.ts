import assert from "node:assert/strict";
import { run } from "../image/support/tools.ts";
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
    const ended = await home.home.ctr(["run", "--rm", "--progress", "none", "x"]);
    const { stdout } = must(ended, "run");
    assert.deepEqual(stdout.split("\n").slice(0, 4), [
      String(FILE.length),
      String(VARIABLE.length + 1),
      "440 1000:50",
      String(VARIABLE.length),
    ]);
  });

  await t.step("its value is no part of the cache's key", async () => {
    await Deno.writeTextFile(secret, `${FILE}-and-more`);
    const env = { TOKEN_IN: `${VARIABLE}-and-more` };
    const again = await home.mustReport([...flags, "-t", "x", context.path], { env });
    assert.equal(again.result!.steps.run, 0);
  });

  await t.step(
    "its bytes are in no file of the home, compressed or not, nor in what was shown",
    async () => {
      assert.ok(!first.stderr.includes("battery-staple"), first.stderr);
      assert.deepEqual(await holding(home.home.path, "battery-staple"), []);
      // The search finds what is there: the command itself.
      const histories = await holding(`${home.home.path}/content`, "/run/secrets/file");
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

/** Files of a folder that hold a text, as it is or within gzip. The holes of disks are not read. */
async function holding(folder: string, text: string): Promise<string[]> {
  const found = await run("python3", "-c", SEARCH, folder, text);
  return found.split("\n").filter((line) => line !== "");
}

const SEARCH = `
import gzip, mmap, os, sys
folder, text = sys.argv[1], sys.argv[2].encode()
def extents(f, size):
    at = 0
    while at < size:
        try: start = os.lseek(f, at, os.SEEK_DATA)
        except OSError: return
        at = os.lseek(f, start, os.SEEK_HOLE)
        yield start, at
def holds(path):
    f = os.open(path, os.O_RDONLY)
    size = os.fstat(f).st_size
    try:
        for start, end in extents(f, size):
            before = b""
            for at in range(start, end, 1 << 20):
                piece = before + os.pread(f, min(1 << 20, end - at), at)
                if text in piece: return True
                before = piece[-len(text):]
        if os.pread(f, 2, 0) == b"\\x1f\\x8b":
            with gzip.open(path) as z:
                return text in z.read()
    finally:
        os.close(f)
    return False
for at, _, names in os.walk(folder):
    for name in names:
        path = os.path.join(at, name)
        if os.path.isfile(path) and not os.path.islink(path) and holds(path): print(path)
`;
