/** What a container mounts: folders and files of the host, volumes, memory. */
import { assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome, ctrHome, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];

vmTest("folders and files of the host are mounted, by virtiofs and by 9p", async (t) => {
  for (const transport of ["auto", "9p"]) {
    await using home = await ctrHome(`[mounts]\ntransport = "${transport}"\n`);
    const data = await hostFolder(home);
    const run = async (mounts: string[], script: string) => {
      const { stdout, stderr } = await home.ctr([
        ...["run", "--rm", ...QUIET, ...mounts.flatMap((each) => ["-v", each]), BUSYBOX],
        ...["sh", "-c", script],
      ]);
      return { stdout, stderr };
    };

    await t.step(`${transport}: what one side writes the other side reads`, async () => {
      const script = [
        "cat /data/hello /one",
        "ls /",
        "echo from the guest > /data/made",
        "chown 1234:99 /data/made",
        "chmod 640 /data/made",
        "stat -c '%u:%g %a' /data/made",
        "ln -s hello /data/link",
        "readlink /data/link",
        "echo appended >> /one",
        "echo no > /ro/made",
        "echo no >> /rofile",
      ].join("; ");
      const { stdout, stderr } = await run([
        `${data}:/data`,
        `${data}/hello:/one`,
        `${data}:/ro:ro`,
        `${data}/hello:/rofile:ro`,
      ], script);
      assertEquals(
        stderr,
        [
          "sh: can't create /ro/made: Read-only file system",
          "sh: can't create /rofile: Read-only file system\n",
        ].join("\n"),
      );
      const lines = stdout.split("\n");
      assertEquals(lines.slice(0, 2), ["hello", "hello"]);
      assertEquals(lines.slice(-3), ["1234:99 640", "hello", ""]);
      assertEquals(await Deno.readTextFile(`${data}/made`), "from the guest\n");
      assertEquals(await Deno.readTextFile(`${data}/hello`), "hello\nappended\n");
    });

    await t.step(`${transport}: a link in a folder leads nowhere else on the host`, async () => {
      await Deno.symlink("/etc/hostname", `${data}/absolute`);
      await Deno.symlink("../secret", `${data}/relative`);
      await Deno.writeTextFile(`${home.path}/secret`, "secret");
      const { stdout } = await run(
        [`${data}:/data`],
        'cat /data/relative 2>&1; test "$(cat /data/absolute)" = "$(cat /etc/hostname)" && echo own',
      );
      assertMatch(stdout, /No such file/);
      assertMatch(stdout, /own/);
    });
  }
});

vmTest("mounts lie in one another, and beside a read-only root", async () => {
  await using home = await ctrHome();
  const data = await hostFolder(home);
  await Deno.mkdir(`${data}/cache`);
  const { stdout } = await home.ctr([
    ...["run", "--rm", "--read-only", ...QUIET, "-v", "inner:/data/cache/deep"],
    ...["--tmpfs", "/data/cache", "-v", `${data}:/data`, "-v", "made:/new/place", BUSYBOX],
    ...[
      "sh",
      "-c",
      "touch /no 2>/dev/null || echo root is read-only; touch /data/cache/deep/x /new/place/y && echo ok",
    ],
  ]);
  assertEquals(stdout, "root is read-only\nok\n");
  assertEquals((await Array.fromAsync(Deno.readDir(`${data}/cache`))).length, 0);
});

vmTest("volumes outlive containers, take what the image has, and are inspected", async (t) => {
  await using home = await ctrHome();
  const sh = (args: string[], script: string) =>
    home.ctr(["run", "--rm", ...QUIET, ...args, BUSYBOX, "sh", "-c", script]);

  await t.step("a named one", async () => {
    assertEquals(
      (await sh(["-v", "data:/etc"], "cat /etc/hello; echo new > /etc/new")).stdout,
      "hello from the second layer\n",
    );
    assertEquals(
      (await sh(["-v", "data:/x:ro"], "cat /x/hello /x/new; touch /x/y 2>&1")).stdout,
      [
        "hello from the second layer",
        "new",
        "touch: /x/y: Read-only file system\n",
      ].join("\n"),
    );
  });

  await t.step("those of another container", async () => {
    const data = await hostFolder(home);
    const mounts = ["-v", "data:/vol", "-v", `${data}:/bind`, "-v", "/anonymous"];
    await home.ctr(["create", "--name", "lender", ...QUIET, ...mounts, BUSYBOX, "true"]);
    const { stdout } = await sh(
      ["--volumes-from", "lender:ro"],
      "cat /vol/new /bind/hello; touch /anonymous/x 2>&1",
    );
    assertEquals(stdout, "new\nhello\ntouch: /anonymous/x: Read-only file system\n");
    const inspected = JSON.parse((await home.ctr(["inspect", "lender"])).stdout)[0];
    const shown = inspected.configuration.mounts.map((
      { type, destination, readonly }: { type: string; destination: string; readonly: boolean },
    ) => `${type} ${destination} ${readonly}`);
    assertEquals(shown, ["volume /vol false", "bind /bind false", "volume /anonymous false"]);
  });

  await t.step("a source that has gone is named at the start", async () => {
    const data = `${home.path}/leaves`;
    await Deno.mkdir(data);
    await home.ctr(["create", "--name", "late", ...QUIET, "-v", `${data}:/data`, BUSYBOX, "true"]);
    await Deno.remove(data);
    const { status, stderr } = await home.ctr(["start", "late"]);
    assertEquals([status, stderr.split("\n")[0]], [
      1,
      `error: cannot start "late": there is nothing on the host at "${data}"`,
    ]);
  });
});

vmTest("a container ends when the share that it uses is lost", async () => {
  await using home = await ctrHome();
  const data = await hostFolder(home);
  const created = await home.ctr([
    ...["run", "-d", "--name", "lost", ...QUIET, "-v", `${data}:/data`, BUSYBOX, "sleep", "600"],
  ]);
  assertEquals(created.status, 0);
  const folder = `${home.path}/containers/${created.stdout.trim()}/vm`;
  const record = await Deno.readTextFile(`${folder}/virtiofsd0.pid`).catch(() => undefined);
  if (record === undefined) return; // 9p has no process of its own
  Deno.kill(Number.parseInt(record), "SIGKILL");
  await home.ctr(["wait", "lost"]);
  const inspected = JSON.parse((await home.ctr(["inspect", "lost"])).stdout)[0];
  assertEquals(inspected.status.exit.reason, "lost");
  assertMatch(inspected.status.exit.detail, /the share of ".*" was lost: its virtiofsd has ended/);
});

async function hostFolder(home: CtrHome): Promise<string> {
  const folder = `${home.path}/folder`;
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  await Deno.mkdir(folder, { mode: 0o777 });
  await Deno.writeTextFile(`${folder}/hello`, "hello\n");
  return folder;
}
