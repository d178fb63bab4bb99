/** Machines as a user meets them: a workspace that stays, in which one is oneself. */
import { assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, ctrHome, DEBIAN, vmTest } from "../run/ctr_home.ts";
import { createFor, ok, QUIET } from "./machine_home.ts";

vmTest(
  "a machine keeps what was done in it, and its user is who they are on the host",
  async (t) => {
    await using home = await ctrHome();
    await ok(home, "image", "pull", ...QUIET, DEBIAN);
    await ok(home, "image", "pull", ...QUIET, BUSYBOX);
    const shared = await Deno.makeTempDir({ dir: home.path, prefix: "home" });
    await Deno.chown(shared, 4321, 4321);
    await Deno.mkdir(`${shared}/project`);
    await Deno.writeTextFile(`${shared}/project/file`, "of the host\n");
    await Deno.chown(`${shared}/project`, 4321, 4321);
    const user = {
      name: "ada",
      uid: 4321,
      gid: 4321,
      home: shared,
      shell: "zsh",
      groups: [{ name: "colleagues", gid: 5432 }],
      timeZone: "Etc/UTC",
    };
    await createFor(home, { name: "dev", image: DEBIAN, user });
    const run = (...args: string[]) => ok(home, "machine", "run", ...args);

    await t.step("name, numbers, groups, home, shell and variables are the caller's", async () => {
      const script =
        'id -un; id -u; id -g; id -nG; echo "$HOME $USER $SHELL $LANG"; pwd; getent passwd 4321';
      assertEquals(
        await run("--", "sh", "-c", script),
        `ada\n4321\n4321\nada colleagues\n${shared} ada /bin/bash C.UTF-8\n${shared}\n` +
          `ada:x:4321:4321::${shared}:/bin/bash\n`,
      );
      assertEquals((await run("--root", "--", "id", "-u")).trim(), "0");
      assertEquals(await run("--root", "--", "cat", "/etc/sudoers.d/ctr-machine"), SUDO);
    });
    await t.step("arguments arrive as they were written, and the status comes back", async () => {
      assertEquals(await run("--", "printf", "%s|", "a b", "$c", "", "*"), "a b|$c||*|");
      assertEquals((await home.ctr(["machine", "run", "--", "sh", "-c", "exit 42"])).status, 42);
      assertEquals((await home.ctr(["machine", "run", "/nothing"])).status, 127);
      const piped = await home.ctr(["machine", "run", "-i", "wc", "-c"], {
        stdin: "x".repeat(100_000),
      });
      assertEquals(piped.stdout, "100000\n");
      const login = await home.ctr(["machine", "run"], { stdin: "echo $0; shopt login_shell\n" });
      assertMatch(login.stdout, /bash\nlogin_shell\s+on/);
    });
    await t.step(
      "the home folder is the host's, and the working folder is kept where it is there",
      async () => {
        assertEquals(await run("-w", `${shared}/project`, "--", "cat", "file"), "of the host\n");
        await run("--", "sh", "-c", "echo mine > project/new");
        assertEquals((await Deno.stat(`${shared}/project/new`)).uid, 4321);
      },
    );
    await t.step(
      "what was written outlasts a stop, a killed engine and a killed monitor",
      async () => {
        await run("--root", "--", "sh", "-c", "echo kept > /opt/file && sync");
        await ok(home, "machine", "stop");
        assertEquals(await run("--", "cat", "/opt/file"), "kept\n"); // it starts by itself
        Deno.kill(await home.enginePid(), "SIGKILL");
        assertEquals(await run("--", "cat", "/opt/file"), "kept\n");
        for (const pid of await home.monitors()) Deno.kill(pid, "SIGKILL");
        assertEquals(await run("--", "cat", "/opt/file"), "kept\n");
      },
    );
    await t.step("it is a machine, not a container of the lists", async () => {
      assertEquals(await ok(home, "ls", "-aq"), "");
      const { status, stderr } = await home.ctr(["rm", "-f", "dev.machine"]);
      assertEquals(status, 1);
      assertMatch(stderr, /^error: cannot change "dev\.machine": it is the machine "dev"\n/);
      await ok(home, "machine", "stop");
      await ok(home, "prune");
      assertEquals(await ok(home, "machine", "ls", "-q"), "dev\n");
    });
    await t.step("another machine finds it by name", async () => {
      await createFor(home, {
        name: "peer",
        image: BUSYBOX,
        user: { ...user, shell: "sh" },
        homeMount: "none",
      });
      await ok(home, "machine", "start", "dev");
      assertMatch(
        await ok(
          home,
          "machine",
          "run",
          "-n",
          "peer",
          "--root",
          "--",
          "ping",
          "-c",
          "1",
          "dev.machine",
        ),
        /1 packets received/,
      );
      // busybox has no account tools, no sudo and no locales.
      assertEquals(await ok(home, "machine", "run", "-n", "peer", "--", "id", "-un"), "ada\n");
      await ok(home, "machine", "set-default", "peer");
    });
    await t.step("removing says what it freed and what it leaves", async () => {
      const { status, stdout, stderr } = await home.ctr(["machine", "rm", "dev", "peer"]);
      assertEquals([status, stdout], [0, "dev\npeer\n"]);
      for (
        const what of [/of disk were freed/, /the image .*debian:12 stays/, /there is no default/]
      ) {
        assertMatch(stderr, what);
      }
      assertEquals(await home.litter(), []);
    });
  },
);

const SUDO = "ada ALL=(ALL:ALL) NOPASSWD: ALL\n";

vmTest("a machine is copied, kept, put back, moved and reached", async (t) => {
  await using home = await ctrHome();
  await ok(home, "image", "pull", ...QUIET, BUSYBOX);
  const user = { name: "ada", uid: 4321, gid: 4321, home: "/home/ada", shell: "sh" };
  await createFor(home, { name: "one", image: BUSYBOX, user, homeMount: "none" });
  const inside = (name: string, script: string) =>
    ok(home, "machine", "run", "-n", name, "--root", "--", "sh", "-c", script);
  await inside("one", "echo first > /state; sync");

  await t.step("a snapshot of a running machine is what a stopped one goes back to", async () => {
    assertEquals(await ok(home, "machine", "snapshot", "one", "before"), "before\n");
    await inside("one", "echo second > /state; sync");
    const refused = await home.ctr(["machine", "restore", "one", "before"]);
    assertEquals(refused.status, 1);
    assertMatch(
      refused.stderr,
      /cannot restore "one": it is running\nhint: stop it first: ctr machine stop one/,
    );
    await ok(home, "machine", "stop", "one");
    await ok(home, "machine", "restore", "one", "before");
    assertEquals(await inside("one", "cat /state"), "first\n");
    assertMatch(await ok(home, "machine", "snapshot", "--list", "one"), /^SNAPSHOT.*\nbefore /);
    const again = await home.ctr(["machine", "snapshot", "one", "before"]);
    assertMatch(again.stderr, /^error: cannot snapshot "one": there is a snapshot "before"\n/);
    await ok(home, "machine", "snapshot", "--rm", "one", "before");
  });
  await t.step("a clone goes its own way", async () => {
    await ok(home, "machine", "clone", "one", "two");
    await inside("two", "echo of two > /state; hostname > /name");
    assertEquals(await inside("one", "cat /state"), "first\n");
    assertEquals(await inside("two", "cat /state /name"), "of two\ntwo\n");
  });
  await t.step("one file carries it away and back, disk and all", async () => {
    const file = `${home.path}/one.tar`;
    await ok(home, "machine", "export", "one", "-o", file);
    const { stdout } = await new Deno.Command("tar", { args: ["-tf", file] }).output();
    assertEquals(new TextDecoder().decode(stdout), "machine.json\ndisk.ext4\n");
    await ok(home, "machine", "stop", "one", "two");
    await ok(home, "machine", "rm", "one").catch(() => {}); // it tells what it frees
    await ok(home, "machine", "import", "-n", "three", file);
    assertEquals(await inside("three", "cat /state; hostname"), "first\nthree\n");
    await Deno.writeTextFile(file, "no archive");
    const { status, stderr } = await home.ctr(["machine", "import", "-n", "four", file]);
    assertEquals(status, 1);
    assertMatch(stderr, /^error: cannot import/);
    assertEquals((await ok(home, "machine", "ls", "-q")).split("\n").includes("four"), false);
  });
  await t.step(
    "a port that a program opens is on the host, and goes with the program",
    async () => {
      const child = await home.spawn(
        ["machine", "run", "-n", "three", "--", "nc", "-l", "-p", "18923"],
      );
      const published = async () => (await ok(home, "machine", "ports", "three")).includes("18923");
      await until(published);
      const host = await Deno.connect({ hostname: "127.0.0.1", port: 18923 });
      await host.write(new TextEncoder().encode("from the host"));
      host.close();
      assertEquals(new TextDecoder().decode((await child.output()).stdout), "from the host");
      await until(async () => !await published());
    },
  );
  await t.step("ssh, scp and sftp reach it through ctr", async () => {
    const config = `${home.path}/ssh_config`;
    await Deno.writeTextFile(config, await ok(home, "machine", "ssh-config", "two"));
    const tool = (program: string, args: string[]) =>
      new Deno.Command(program, { args: ["-F", config, "-o", "BatchMode=yes", ...args] }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const first = await tool("ssh", ["two.ctr", "id -un; cat; exit 3 < /dev/null"]);
    assertEquals([first.code, text(first.stdout)], [3, `ada\n`], text(first.stderr));
    assertEquals(text((await tool("ssh", ["root@two.ctr", "id -u"])).stdout), "0\n");
    const copied = await tool("scp", ["-q", config, "two.ctr:/tmp/copied"]);
    assertEquals(copied.code, 0, text(copied.stderr));
    assertEquals(await inside("two", "cat /tmp/copied"), await Deno.readTextFile(config));
  });
});

vmTest("what cannot be a machine is refused in a sentence, and nothing is left", async (t) => {
  await using home = await ctrHome();
  await ok(home, "image", "pull", ...QUIET, BUSYBOX);
  const refused = async (args: string[], status: number, message: RegExp, env = {}) => {
    const result = await home.ctr(["machine", ...args], { env });
    assertMatch(result.stderr, message);
    assertEquals([result.status, result.stdout], [status, ""]);
  };
  const create = ["create", ...QUIET, "--home-mount", "none"];

  await t.step("a name that is none, or taken", async () => {
    await refused(
      [...create, "-n", "a_b", BUSYBOX],
      2,
      /^error: cannot use --name "a_b": a machine's name has/,
    );
    await ok(home, "machine", ...create, "--no-boot", "-n", "there", BUSYBOX);
    await refused(
      [...create, "-n", "there", BUSYBOX],
      1,
      /^error: cannot create "there": there is a machine/,
    );
    await refused(
      ["run", "-n", "nobody", "true"],
      1,
      /^error: cannot enter "nobody": there is no such machine\n/,
    );
  });
  await t.step("an image without a shell, or of another world", async () => {
    const folder = await Deno.makeTempDir({ dir: home.path });
    await Deno.writeTextFile(`${folder}/Dockerfile`, "FROM scratch\nCOPY Dockerfile /\n");
    await ok(home, "build", "-q", "-t", "shellless", folder);
    await refused(
      [...create, "-n", "bare", "--pull", "never", "shellless"],
      1,
      /its image has no \/bin\/sh/,
    );
    await home.ctr(["machine", "rm", "bare"]);
    await refused([...create, "-n", "sd", "--init", "systemd", BUSYBOX], 1, /has no systemd\n/);
    await refused([...create, "-n", "s390", "--platform", "linux/s390x", BUSYBOX], 1, /^error: /);
  });
  await t.step("a home that is not there, an agent that is gone", async () => {
    const none = { HOME: "/proc/nonexistent" };
    await refused(
      ["create", ...QUIET, "-n", "x", BUSYBOX],
      1,
      /there is no "\/proc\/nonexistent"/,
      none,
    );
    const gone = { SSH_AUTH_SOCK: "/nonexistent/agent" };
    await refused(
      ["run", "-n", "there", "--ssh", "true"],
      1,
      /SSH_AUTH_SOCK .* is no socket/,
      gone,
    );
  });
  await t.step("settings that cannot be meant", async () => {
    await refused(["set", "-n", "there", "colour=red"], 2, /^error: cannot set "colour=red"/);
    await refused(["set", "-n", "there", "memory=10m"], 2, /a machine wants at least 1g/);
    await ok(home, "machine", "set", "-n", "there", "memory=1500m", "cpus=2");
    const [{ resources }] = JSON.parse(await ok(home, "machine", "inspect", "there"));
    assertEquals(resources, { cpus: 2, memoryInBytes: 1500 * 2 ** 20 });
  });
  await home.ctr(["machine", "rm", "there"]);
  assertEquals((await home.litter()).filter((name) => name.startsWith("containers/")), []);
});

async function until(met: () => Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 20_000; !await met();) {
    if (performance.now() > end) throw new Error("it did not happen within 20 s");
    await new Promise((resolve) => setTimeout(resolve, 100)); // the host looks every second
  }
}
