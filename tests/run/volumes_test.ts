import { assert, assertEquals } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome, ctrHome, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];

async function ok(home: CtrHome, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await home.ctr(args);
  assertEquals([status, stderr], [0, ""], args.join(" "));
  return stdout;
}

function run(home: CtrHome, flags: string[], script: string): Promise<string> {
  return ok(home, "run", "--rm", ...QUIET, ...flags, BUSYBOX, "sh", "-c", script);
}

vmTest("volumes outlive containers", async (t) => {
  await using home = await ctrHome();
  await ok(home, "image", "pull", ...QUIET, BUSYBOX);

  await t.step("what one container wrote, the next one reads, sync or not", async () => {
    await run(home, ["-v", "data:/data"], "echo kept > /data/file");
    assertEquals(await run(home, ["-v", "data:/data"], "cat /data/file"), "kept\n");
    await ok(
      home,
      "run",
      "-d",
      "--name",
      "writer",
      "-v",
      "data:/data",
      BUSYBOX,
      "sh",
      "-c",
      WRITER,
    );
    await ok(home, "exec", "writer", "sh", "-c", "until [ -e /data/ready ]; do sleep 0.05; done");
    await ok(home, "rm", "-f", "writer"); // nothing was flushed by it
    assertEquals(await run(home, ["-v", "data:/data"], "cat /data/ready"), "yes\n");
    assertEquals(await ok(home, "volume", "check", "data"), "data: clean\n");
  });

  await t.step("a new volume takes what the image has at its place", async () => {
    assertEquals(await run(home, ["-v", "etc:/etc"], "cat /etc/hello"), await hello(home));
    const names = await run(home, ["-v", "etc:/elsewhere"], "ls /elsewhere");
    assert(names.includes("hello") && names.includes("passwd"), names);
    await run(home, ["-v", "etc:/etc"], "rm /etc/hello");
    assertEquals(await run(home, ["-v", "etc:/etc"], "ls /etc/hello 2>&1 || true"), MISSING);
  });

  await t.step("a block volume has one container at a time, and both are named", async () => {
    const sleep = [BUSYBOX, "sleep", "100"];
    await ok(home, "run", "-d", "--name", "first", "-v", "data:/data", ...sleep);
    const { status, stderr } = await home.ctr(
      ["run", "--name", "second", "-v", "data:/data", ...QUIET, ...sleep],
    );
    assertEquals(status, 125);
    assert(
      /^error: cannot start "second": "first" uses the block volume "data"/.test(stderr),
      stderr,
    );
    const held = await home.ctr(["volume", "rm", "data"]);
    assert(/cannot remove volume "data": "first"/.test(held.stderr), held.stderr);
    const busy = await home.ctr(["volume", "resize", "data", "1G"]);
    assert(/"first" is running with it/.test(busy.stderr), busy.stderr);
    await ok(home, "rm", "-f", "first");
  });

  await t.step("an engine that was killed finds who has which volume", async () => {
    await ok(home, "run", "-d", "--name", "first", "-v", "data:/data", BUSYBOX, "sleep", "100");
    Deno.kill(await home.enginePid(), "SIGKILL");
    const { stderr } = await home.ctr(["volume", "export", "data"]);
    assert(/"first" is running with it/.test(stderr), stderr);
    assertEquals(await ok(home, "system", "check"), "");
    await ok(home, "rm", "-f", "first");
  });

  await t.step("two containers read one block volume, neither writes", async () => {
    const flags = ["-v", "data:/data:ro"];
    await ok(home, "run", "-d", "--name", "reader", ...flags, BUSYBOX, "sleep", "100");
    const script = "cat /data/file; touch /data/x 2>/dev/null || echo read-only";
    assertEquals(await run(home, flags, script), "kept\nread-only\n");
    await ok(home, "rm", "-f", "reader");
  });

  await t.step("a volume that was resized, or filled from an archive, mounts", async () => {
    await ok(home, "volume", "resize", "data", "128M");
    const size = await run(home, ["-v", "data:/data"], "cat /data/file; df -m /data | tail -n 1");
    const megabytes = Number(size.split("\n")[1]?.split(/\s+/)[1]);
    assert(size.startsWith("kept\n") && megabytes > 100 && megabytes < 129, size);
    await ok(home, "volume", "export", "data", "-o", `${home.path}/data.tar`);
    await ok(home, "volume", "import", "copy", `${home.path}/data.tar`);
    assertEquals(await run(home, ["-v", "copy:/data"], "cat /data/file"), "kept\n");
    await ok(home, "volume", "clone", "copy", "clone");
    assertEquals(await run(home, ["-v", "clone:/data"], "cat /data/file"), "kept\n");
  });

  await t.step("a shared volume has two containers that write, and keeps owners", async () => {
    const made = "mkdir -m 750 -p /data/in; echo image > /data/in/file; chown -R 1000:50 /data/in";
    await ok(home, "run", ...QUIET, "--name", "maker", BUSYBOX, "sh", "-c", made);
    await ok(home, "commit", "maker", "test/owned");
    await ok(home, "rm", "maker");
    await ok(home, "volume", "create", "--type", "shared", "both");
    const flags = ["-v", "both:/data", "test/owned", "sh", "-c"];
    await ok(home, "run", "-d", "--name", "first", ...flags, answerer("/data/in"));
    const asks = "echo second > /data/in/question; chown 1000 /data/in/question; " +
      `${until("/data/in/answer")}; cat /data/in/answer`;
    assertEquals(await ok(home, "run", "--rm", ...QUIET, ...flags, asks), "second\n");
    assertEquals(await ok(home, "wait", "first"), "0\n");
    await ok(home, "rm", "first");
    const look = "cd /data/in; cat file; stat -c '%n %a %u:%g' . file question answer";
    assertEquals(await run(home, ["-v", "both:/data:ro"], look), OWNERS);
  });

  const { stdout, stderr } = await home.ctr(["volume", "prune"]);
  assertEquals(stdout, "both\nclone\ncopy\ndata\netc\n");
  assert(/^Reclaimed .* in disk space\n$/.test(stderr), stderr);
  assertEquals(await ok(home, "system", "check"), "");
});

const WRITER = "echo yes > /data/ready; sleep 100";
/** What `first` copies, `second` wrote; both were made by them, the rest comes from the image. */
const OWNERS = [
  "image",
  ". 750 1000:50",
  "file 644 1000:50",
  "question 644 1000:0",
  "answer 644 0:0",
  "",
].join("\n");
const MISSING = "ls: /etc/hello: No such file or directory\n";

function hello(home: CtrHome): Promise<string> {
  return run(home, [], "cat /etc/hello");
}

/** A script that waits for a file. */
function until(path: string): string {
  return `until [ -s ${path} ]; do sleep 0.05; done`;
}

/** Waits for a question of another container, and says the same again. */
function answerer(folder: string): string {
  return `${until(`${folder}/question`)}; cat ${folder}/question > ${folder}/answer`;
}
