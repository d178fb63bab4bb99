import { assert, assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome, ctrHome, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];

async function sh(home: CtrHome, script: string, flags: string[] = []) {
  return await home.ctr(["run", "--rm", ...QUIET, ...flags, BUSYBOX, "sh", "-c", script]);
}

vmTest("run prints what the program prints, on the stream it was printed to", async () => {
  await using home = await ctrHome();
  assertEquals(await sh(home, "echo out; echo err >&2; exit 42"), {
    status: 42,
    stdout: "out\n",
    stderr: "err\n",
  });
  assertEquals((await home.ctr(["ps", "-aq"])).stdout, "");
});

vmTest("run takes its process's settings", async () => {
  await using home = await ctrHome();
  await Deno.writeTextFile(`${home.path}/env`, "# comment\n  FROM_FILE=1\nHOME\nB=file\n");
  const script = "echo $A,$B,$FROM_FILE; pwd; id -u; id -g; hostname; " +
    "touch /x 2>/dev/null || echo read-only; touch /scratch/x && echo scratch; " +
    "ulimit -n; grep -c ' /scratch tmpfs ' /proc/mounts";
  const flags = ["-e", "A=a b", "-e", "B=flag", "--env-file", `${home.path}/env`, "-w", "/new/dir"];
  flags.push("-u", "7:8", "--hostname", "box", "--read-only", "--tmpfs", "/scratch:mode=1777");
  flags.push("--ulimit", "nofile=123:456");
  const { status, stdout, stderr } = await sh(home, script, flags);
  assertEquals([status, stderr, stdout], [
    0,
    "",
    "a b,flag,1\n/new/dir\n7\n8\nbox\nread-only\nscratch\n123\n1\n",
  ]);
});

vmTest("run ends with 127, 126 or 125, and leaves no container", async (t) => {
  await using home = await ctrHome();
  for (
    const [what, args, expected] of [
      ["no such program", [BUSYBOX, "/nope"], 127],
      ["a program that is not one", [BUSYBOX, "/etc/passwd"], 126],
      ["no such image", [`${BUSYBOX}-nope`, "true"], 125],
      ["no such platform", ["--platform", "plan9/amd64", BUSYBOX, "true"], 125],
    ] as const
  ) {
    await t.step(what, async () => {
      const { status, stdout, stderr } = await home.ctr(["run", ...QUIET, ...args]);
      assertEquals([status, stdout], [expected, ""]);
      assertMatch(stderr, /^error: [^\n]*\n(hint: [^\n]*\n)?$/);
    });
  }
  assertEquals((await home.ctr(["ps", "-aq"])).stdout, "");
});

vmTest("run -i carries standard input and its end", async () => {
  await using home = await ctrHome();
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  const args = ["run", "-i", "--rm", ...QUIET, BUSYBOX, "sha256sum"];
  const { status, stdout } = await home.ctr(args, { stdin: bytes });
  assertEquals([status, stdout], [0, `${hash}  -\n`]);
  const none = await home.ctr(["run", "--rm", ...QUIET, BUSYBOX, "sh", "-c", "cat; echo end"]);
  assertEquals([none.status, none.stdout], [0, "end\n"]);
});

vmTest("a container's life: run -d, exec, logs, stop, start -a, wait, rm", async (t) => {
  await using home = await ctrHome();
  const cidfile = `${home.path}/cid`;
  const script = "trap 'echo bye; exit 3' TERM; echo up; echo no >&2; while :; do sleep 0.1; done";
  const begun = await home.ctr([
    ...["run", "-d", "--name", "web", "-l", "a=b", "--cidfile", cidfile, ...QUIET],
    ...[BUSYBOX, "sh", "-c", script],
  ]);
  assertEquals([begun.status, begun.stderr], [0, ""]);
  const id = begun.stdout.trim();
  assertMatch(id, /^[0-9a-f]{64}$/);
  assertEquals(await Deno.readTextFile(cidfile), id);

  await t.step("ls and inspect", async () => {
    assertEquals((await home.ctr(["ls", "-q"])).stdout, `${id.slice(0, 12)}\n`);
    const [web] = JSON.parse((await home.ctr(["inspect", id.slice(0, 8)])).stdout);
    assertEquals([web.name, web.status.state, web.configuration.labels], [
      "web",
      "running",
      { a: "b" },
    ]);
  });
  await t.step("a name that is taken", async () => {
    const { status, stderr } = await home.ctr(["run", "--name", "web", ...QUIET, BUSYBOX]);
    assertEquals(status, 125);
    assertMatch(stderr, /^error: .*"web".*\n/);
  });
  await t.step("exec", async () => {
    const inside = await home.ctr(["exec", "-e", "A=1", "web", "sh", "-c", "echo $A; exit 5"]);
    assertEquals(inside, { status: 5, stdout: "1\n", stderr: "" });
    assertEquals((await home.ctr(["exec", "web", "/nope"])).status, 127);
    assertEquals((await home.ctr(["exec", "nope", "true"])).status, 125);
    const piped = await home.ctr(["exec", "-i", "web", "cat"], { stdin: "typed" });
    assertEquals([piped.status, piped.stdout], [0, "typed"]);
  });
  await t.step("logs", async () => {
    const logs = await home.ctr(["logs", "web"]);
    assertEquals(logs, { status: 0, stdout: "up\n", stderr: "no\n" });
    const stamped = await home.ctr(["logs", "-t", "-n", "2", "web"]);
    assertMatch(stamped.stdout, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z up\n$/);
    assert((await home.ctr(["logs", "--boot", "web"])).stdout.length > 0);
  });
  await t.step("rm refuses while it runs", async () => {
    const { status, stderr } = await home.ctr(["rm", "web"]);
    assertEquals(status, 1);
    assertMatch(stderr, /^error: .*"web"/);
  });
  await t.step("stop, wait", async () => {
    assertEquals(await home.ctr(["stop", "web"]), { status: 0, stdout: "web\n", stderr: "" });
    assertEquals((await home.ctr(["wait", "web"])).stdout, "3\n");
    assertMatch((await home.ctr(["logs", "web"])).stdout, /up\nbye\n$/);
    assertEquals((await home.ctr(["exec", "web", "true"])).status, 125);
  });
  await t.step("rm", async () => {
    const removed = await home.ctr(["rm", "web", "nope"]);
    assertEquals([removed.status, removed.stdout], [1, "web\n"]);
    assertEquals((await home.ctr(["inspect", "web"])).status, 1);
  });
});

vmTest("signals reach the process, and kill -9 of the CLI leaves it alone", async () => {
  await using home = await ctrHome();
  const script = "trap 'echo usr1' USR1; trap 'exit 9' INT; echo up; while :; do sleep 0.1; done";
  const args = ["run", "--name", "job", ...QUIET, BUSYBOX, "sh", "-c", script];
  const child = await home.spawn(args);
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const until = async (text: string) => {
    for (let seen = ""; !seen.includes(text);) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`ended before "${text}": ${seen}`);
      seen += value;
    }
  };
  await until("up");
  child.kill("SIGUSR1");
  await until("usr1");
  child.kill("SIGKILL");
  await child.status;
  await Promise.all([reader.cancel(), child.stderr.cancel()]);
  assertEquals((await home.ctr(["ls", "--format", "json"])).stdout.includes('"running"'), true);
  assertEquals((await home.ctr(["kill", "-s", "INT", "job"])).stdout, "job\n");
  assertEquals((await home.ctr(["wait", "job"])).stdout, "9\n");
  assertEquals((await home.ctr(["rm", "job"])).status, 0);
});
