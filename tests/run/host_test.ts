/** What the host lacks: room, QEMU. */
import { assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, ctrHome, DEBIAN, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];
const FULL = /^error: [^\n]*no space is left on the disk[^\n]*\nhint: [^\n]*\n$/;

vmTest(
  "a full disk is told as one, leaves nothing, and all is well once there is room",
  async (t) => {
    await using home = await ctrHome();
    const disk = `${home.path}/disk`;
    await Deno.mkdir(disk);
    if (!await mount("-t", "tmpfs", "-o", "size=12m", "tmpfs", disk)) return; // it takes root
    try {
      const env = { CTR_HOME: disk };
      const ctr = (...args: string[]) => home.ctr(args, { env });
      await t.step("an image that is too large", async () => {
        const { status, stderr } = await ctr("run", ...QUIET, DEBIAN, "true");
        assertEquals(status, 125);
        assertMatch(stderr, FULL);
        assertEquals(await filesIn(`${disk}/layers`), []);
        assertEquals(await filesIn(`${disk}/content/ingest`), []);
      });
      await t.step("a program that fills it gets an error, and the container goes", async () => {
        const script = "dd if=/dev/urandom of=/big bs=1M count=30 2>/dev/null; sync; touch /more";
        const { status, stderr } = await ctr("run", "--rm", ...QUIET, BUSYBOX, "sh", "-c", script);
        assertEquals([status, stderr], [1, "touch: /more: Read-only file system\n"]);
        assertEquals([(await ctr("ls", "-aq")).stdout, await filesIn(`${disk}/containers`)], [
          "",
          [],
        ]);
      });
      await t.step("no room for another container", async () => {
        await fill(`${disk}/fill`);
        const { status, stdout, stderr } = await ctr("run", ...QUIET, BUSYBOX, "true");
        assertEquals([status, stdout], [125, ""]);
        assertMatch(stderr, FULL);
        assertEquals((await ctr("ls", "-aq")).stdout, "");
        assertEquals(await filesIn(`${disk}/containers`), []);
      });
      await t.step("room again", async () => {
        await Deno.remove(`${disk}/fill`);
        const again = await ctr("run", "--rm", ...QUIET, BUSYBOX, "echo", "ok");
        assertEquals(again, { status: 0, stdout: "ok\n", stderr: "" });
      });
      await ctr("system", "stop");
    } finally {
      await untilUnmounted(disk);
    }
  },
);

vmTest("without QEMU the package is named", async () => {
  await using home = await ctrHome();
  const env = { PATH: `${home.path}/config` };
  const { status, stdout, stderr } = await home.ctr(["run", ...QUIET, BUSYBOX, "true"], { env });
  assertEquals([status, stdout], [125, ""]);
  assertMatch(
    stderr,
    /^error: [^\n]*qemu-system-[^\n]*\nhint: [^\n]*(apt|package|install)[^\n]*\n$/,
  );
  await home.ctr(["system", "stop"]);
  assertEquals((await home.ctr(["ls", "-aq"])).stdout, "");
  assertEquals(await home.litter(), []);
});

async function mount(...args: string[]): Promise<boolean> {
  const command = new Deno.Command("mount", { args, stdout: "null", stderr: "null" });
  return (await command.output()).success;
}

async function untilUnmounted(path: string): Promise<void> {
  for (const until = performance.now() + 5000; performance.now() < until;) {
    const command = new Deno.Command("umount", { args: [path], stderr: "null" });
    if ((await command.output()).success) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${path} is still in use`);
}

async function fill(path: string): Promise<void> {
  const file = await Deno.create(path);
  try {
    for (let size = 65_536; size >= 1; size /= 2) {
      try {
        for (;;) await file.write(new Uint8Array(size));
      } catch { /* as much as that does not fit any more */ }
    }
  } finally {
    file.close();
  }
}

async function filesIn(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
}
