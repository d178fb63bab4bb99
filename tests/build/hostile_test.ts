/** Contexts, archives and steps that want out. */
import assert from "node:assert/strict";
import { run } from "../image/support/tools.ts";
import { BuildHome, buildTest, folderOf, type TestFolder } from "./support/build_home.ts";

const OUTSIDE = "what lies outside";

/** A folder with a file, and a context beside it. */
async function besides(): Promise<TestFolder> {
  return await folderOf({ "outside": OUTSIDE, "secrets/key": OUTSIDE, "context/inside": "inside" });
}

buildTest("a Dockerfile reads nothing outside its context", async (t) => {
  await using home = await BuildHome.open();
  await using folder = await besides();
  const context = `${folder.path}/context`;
  const links: Record<string, string> = {
    up: "../outside",
    far: "../../../../../../../../etc/shadow",
    absolute: `${folder.path}/outside`,
    folder: "../secrets",
    root: "/",
    twice: "up",
    loop: "loop",
  };
  for (const [name, target] of Object.entries(links)) {
    await Deno.symlink(target, `${context}/${name}`);
  }
  const sources = [
    "../outside",
    "inside/../../outside",
    "/../outside",
    `${folder.path}/outside`,
    "up",
    "far",
    "absolute",
    "folder/key",
    "folder/../../outside",
    "root/etc/passwd",
    "twice",
    "loop",
    "loop/x",
    "../s*/key",
    "folder/*",
    "*/key",
  ];
  for (const instruction of ["COPY", "ADD"]) {
    await t.step(instruction, async () => {
      // Both find their files in the same way.
      const some = sources.filter((_, n) => instruction === "COPY" || n % 4 === 0);
      for (const source of some) {
        const text = `FROM scratch\n${instruction} ["${source}", "/out/"]\n`;
        const out = `${home.scratch}/out`;
        const args = ["-f", "-", "-o", `type=local,dest=${out}`, context];
        const { status, stderr } = await home.build(args, { stdin: text });
        const got = await textsIn(out);
        assert.ok(!got.includes(OUTSIDE), `${instruction} ${source} read ${got}`);
        // A pattern may meet nothing.
        if (!source.includes("*")) assert.equal(status, 1, `${instruction} ${source}\n${stderr}`);
        await Deno.remove(out, { recursive: true }).catch(() => {});
      }
    });
  }
  await t.step("links within a folder stay links", async () => {
    const out = `${home.scratch}/links`;
    const text = "FROM scratch\nCOPY . /out/\n";
    await home.mustBuild(["-f", "-", "-o", `type=local,dest=${out}`, context], { stdin: text });
    assert.equal(await Deno.readLink(`${out}/out/far`), links.far);
  });
  await t.step("the Dockerfile and the ignore file may not be links that lead out", async () => {
    await Deno.symlink("../outside", `${context}/.dockerignore`);
    const archive = `${home.scratch}/context.tar`;
    await Deno.symlink("/etc/passwd", `${context}/Dockerfile`);
    await run("tar", "-C", context, "-cf", archive, ".");
    const bytes = await Deno.readFile(archive);
    const { status, stderr } = await home.build(["-"], { stdin: bytes });
    assert.equal(status, 1, stderr);
    assert.ok(!stderr.includes("root:"), stderr);
  });
});

buildTest("a stage's links lead nowhere but into the stage", async () => {
  await using home = await BuildHome.open();
  await using folder = await besides();
  await Deno.symlink("/etc/hostname", `${folder.path}/context/host`);
  await Deno.symlink("../../../../etc/hello", `${folder.path}/context/up`);
  await Deno.symlink("/", `${folder.path}/context/all`);
  await folder.write({
    "context/Dockerfile": `FROM busybox AS evil
COPY . /links/
FROM scratch
COPY --from=evil /links/up /one
COPY --from=evil /links/all/etc/hello /two
FROM busybox AS writes
COPY . /links/
COPY inside /links/all/etc/written
COPY inside /links/../../../../../written
`,
  });
  const one = `${home.scratch}/one`;
  const context = `${folder.path}/context`;
  await home.mustBuild(["--target", "1", "-o", one, context]);
  assert.equal(await Deno.readTextFile(`${one}/one`), "hello from the second layer\n");
  assert.equal(await Deno.readTextFile(`${one}/two`), "hello from the second layer\n");
  const { tree } = await home.buildAndLook("writes", ["--target", "writes", context]);
  assert.ok(tree.has("etc/written") && tree.has("written"));
});

const ARCHIVES = `
import io, tarfile
def tar(name, *entries):
    with tarfile.open(name, "w") as t:
        for path, type, data, link in entries:
            i = tarfile.TarInfo(path); i.type, i.size, i.linkname = type, len(data), link
            t.addfile(i, io.BytesIO(data))
F, S, L = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
tar("up.tar", ("../../written", F, b"x", ""))
tar("absolute.tar", ("/../written", F, b"x", ""))
tar("link.tar", ("l", S, b"", "/tmp"), ("l/../../written", F, b"x", ""))
tar("hard.tar", ("h", L, b"", "../../../../etc/passwd"))
tar("device.tar", ("d", tarfile.CHRTYPE, b"", ""))
tar("whiteout.tar", ("etc/.wh.hello", F, b"", ""))
tar("dots.tar", ("a/./b/../../..", F, b"x", ""))
`;

buildTest("archives write nothing outside the image", async (t) => {
  await using home = await BuildHome.open();
  await using folder = await folderOf({ "context/": "" });
  const context = `${folder.path}/context`;
  await run("env", "-C", context, "python3", "-c", ARCHIVES);
  const archives = [...Deno.readDirSync(context)].map(({ name }) => name).sort();
  await t.step("ADD", async () => {
    for (const name of archives) {
      const out = `${home.scratch}/out/${name}/deep`;
      await Deno.mkdir(out, { recursive: true });
      const text = `FROM busybox\nADD ${name} /a/b/\nCOPY --from=busybox /etc/hello /kept\n`;
      const { stderr } = await home.build(["-f", "-", "-o", `type=local,dest=${out}`, context], {
        stdin: text,
      });
      assert.doesNotMatch(stderr, /defect|stack|at file:/i, name);
      const beside = [...Deno.readDirSync(`${home.scratch}/out/${name}`)].map((entry) =>
        entry.name
      );
      assert.deepEqual(beside, ["deep"], `${name} wrote beside its target`);
    }
  });
  await t.step("a context from standard input", async () => {
    for (const name of archives) {
      const bytes = await Deno.readFile(`${context}/${name}`);
      const { stderr } = await home.build(["-f", "Dockerfile", "-"], { stdin: bytes });
      assert.match(stderr, /^error: /m, name);
      assert.doesNotMatch(stderr, /defect|stack|at file:/i, name);
    }
    await assert.rejects(Deno.lstat("/written"), Deno.errors.NotFound);
    await assert.rejects(Deno.lstat("/tmp/written"), Deno.errors.NotFound);
  });
});

buildTest("an archive that grows without end is given up", async () => {
  await using home = await BuildHome.open();
  await using folder = await folderOf({ "Dockerfile": "FROM scratch\nADD bomb.tar.gz /\n" });
  // 64 MiB of zeros per layer of gzip: 1 TiB said in a header, a few KiB of bytes behind it.
  const script = `
import gzip, tarfile, io
i = tarfile.TarInfo("bomb"); i.size = 1 << 40
with gzip.open("bomb.tar.gz", "wb") as f:
    f.write(i.tobuf(tarfile.GNU_FORMAT)); f.write(b"\\0" * (64 << 20))
`;
  await run("env", "-C", folder.path, "python3", "-c", script);
  const { status, stderr } = await home.build([folder.path]);
  assert.equal(status, 1);
  assert.match(stderr, /^error: [^\n]*bomb\.tar\.gz/m);
});

buildTest("a step sees nothing of the host, and its network flag holds", async () => {
  await using home = await BuildHome.open();
  await using folder = await besides();
  await folder.write({
    "context/Dockerfile": `FROM busybox
RUN [ ! -e "${folder.path}" ] && [ ! -e "${home.home.path}" ]
RUN ! mount -t tmpfs none /tmp 2> /dev/null
RUN --network=none ! ip route | grep -q default
RUN --mount=target=/mnt [ -e /mnt/inside ] && [ ! -e /mnt/../outside ] && ! touch /mnt/inside 2> /dev/null
RUN for i in 1 2 3; do ! mknod /dev/vd$i b 254 $i 2> /dev/null || ! head -c 1 /dev/vd$i 2> /dev/null || exit 1; done
`,
  });
  await home.mustBuild([`${folder.path}/context`]);
  assert.equal(await Deno.readTextFile(`${folder.path}/context/inside`), "inside");
});

/** All text below a folder, links not followed. */
async function textsIn(folder: string): Promise<string> {
  let all = "";
  try {
    for await (const entry of Deno.readDir(folder)) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) all += await textsIn(path);
      else if (entry.isFile) all += await Deno.readTextFile(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return all;
}
