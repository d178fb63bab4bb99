import assert from "node:assert/strict";
import { BuildHome, buildTest, folderOf, REGISTRY } from "./support/build_home.ts";
import { inLanes } from "./support/lanes.ts";

const GOLDEN = new URL("testdata/errors.txt", import.meta.url);

/** Dockerfiles that must fail, by what is wrong with them. */
const CASES: Readonly<Record<string, string>> = {
  "an instruction that does not exist": "FROM busybox\nCPOY a /a\n",
  "nothing in it": "# only a comment\n",
  "no FROM": "RUN true\n",
  "a file that is not there": "FROM busybox\nCOPY nothing /a\n",
  "a file that is ignored": "FROM busybox\nCOPY ignored /a\n",
  "an image that is not there": `FROM ${REGISTRY}/no/such:image\nRUN true\n`,
  "an argument that is not set": "ARG BASE\nFROM $BASE\n",
  "a variable that must be": "FROM busybox\nLABEL a=${NAME:?is needed}\n",
  "a flag that does not exist": "FROM busybox\nCOPY --chwon=1 a /a\n",
  "a user that is not there": "FROM busybox\nCOPY --chown=nobody-here a /a\n",
  "a mode that is none": "FROM busybox\nCOPY --chmod=99 a /a\n",
  "several files onto one name": "FROM busybox\nCOPY a b /c\n",
  "a file where a folder is": "FROM busybox\nCOPY a /a/\nCOPY a /a/a/b\n",
  "a heredoc without an end": "FROM busybox\nRUN <<EOF\necho\n",
  "quotes without an end": 'FROM busybox\nENV A="b\n',
  "a command that fails": "FROM busybox\nRUN echo one; echo two; exit 3\n",
  "a command that is not there": 'FROM busybox\nRUN ["/no/such/program"]\n',
  "a script that fails in the middle":
    "FROM busybox\nRUN <<EOF\nset -e\necho one\nfalse\necho two\nEOF\n",
  "a mount that cannot be read": "FROM busybox\nRUN --mount=type=cach,target=/a true\n",
  "a mount's source that is not there": "FROM busybox\nRUN --mount=source=nothing,target=/a true\n",
  "security that was not allowed": "FROM busybox\nRUN --security=insecure true\n",
  "a signal that is none": "FROM busybox\nSTOPSIGNAL SIGNOTHING\n",
  "a port that is none": "FROM busybox\nEXPOSE 70000\n",
};

buildTest("errors say what is wrong, and where", async () => {
  await using home = await BuildHome.open();
  await using context = await folderOf({
    a: "a",
    b: "b",
    ignored: "i",
    ".dockerignore": "ignored\n",
  });
  const told = await Promise.all(inLanes(4, Object.entries(CASES), async ([what, text]) => {
    const file = `${home.scratch}/${what.replaceAll(/\W/g, "-")}`;
    await Deno.writeTextFile(file, text);
    const args = ["--progress", "quiet", "-f", file, context.path];
    const { status, stderr, stdout } = await home.home.ctr(["build", ...args]);
    assert.equal(stdout, "", what);
    const stable = stderr.trimEnd().replaceAll(file, "Dockerfile").replaceAll(REGISTRY, "REGISTRY");
    return `# ${what}\n${stable}\n[${status}]\n`;
  }));
  if (Deno.env.get("UPDATE_GOLDENS")) return await Deno.writeTextFile(GOLDEN, told.join("\n"));
  assert.equal(told.join("\n"), await Deno.readTextFile(GOLDEN));
});
