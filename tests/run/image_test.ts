import { assert, assertEquals, assertMatch } from "../cli/assert.ts";
import { BUSYBOX, ctrHome, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];

async function skopeo(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("skopeo", { args }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return new TextDecoder().decode(stdout);
}

vmTest("an image goes out to an archive and comes back, as skopeo sees it", async (t) => {
  await using home = await ctrHome();
  await home.ctr(["image", "pull", ...QUIET, BUSYBOX]);
  assertEquals((await home.ctr(["image", "tag", BUSYBOX, "box:1"])).stdout, "box:1\n");
  assertEquals((await home.ctr(["image", "rm", BUSYBOX])).stdout, `${BUSYBOX}\n`);
  const wanted = JSON.parse(await skopeo("inspect", "--tls-verify=false", `docker://${BUSYBOX}`));

  for (
    const [format, transport] of [["oci", "oci-archive"], ["docker", "docker-archive"]] as const
  ) {
    await t.step(`${format}, by a file and through pipes`, async () => {
      const path = `${home.path}/${format}.tar`;
      const saved = await home.ctr(["image", "save", "--format", format, "-o", path, "box:1"]);
      assertEquals(saved, { status: 0, stdout: "box:1\n", stderr: "" });
      const found = JSON.parse(await skopeo("inspect", `${transport}:${path}`));
      assertEquals([found.Architecture, found.Env], [wanted.Architecture, wanted.Env]);
      if (format === "oci") assertEquals(found.Layers, wanted.Layers);

      assertEquals((await home.ctr(["image", "rm", "box:1"])).status, 0);
      const archive = await Deno.readFile(path);
      const loaded = await home.ctr(["image", "load", ...QUIET], { stdin: archive });
      assertEquals(loaded, { status: 0, stdout: "box:1\n", stderr: "" });
      const run = await home.ctr(["run", "--rm", ...QUIET, "box:1", "echo", format]);
      assertEquals(run, { status: 0, stdout: `${format}\n`, stderr: "" });
      await Deno.remove(path);
    });
  }
  await t.step("one that a container uses stays", async () => {
    assertEquals((await home.ctr(["create", "--name", "user", "box:1"])).status, 0);
    const { status, stdout, stderr } = await home.ctr(["image", "rm", "box:1"]);
    assertEquals([status, stdout], [1, ""]);
    assertMatch(
      stderr,
      /^error: cannot remove "box:1": the container "user" uses it\nhint: [^\n]*\n$/,
    );
    assertEquals((await home.ctr(["rm", "user"])).status, 0);
    const removed = await home.ctr(["image", "rm", "box:1"]);
    assertEquals([removed.status, removed.stdout], [0, "box:1\n"]);
    assertMatch(removed.stderr, /^Reclaimed .* MiB in disk space\n$/);
  });
  assertEquals(await home.litter(), []);
});

vmTest("logs: the last lines, since when, with times, until the end, of the boot", async (t) => {
  await using home = await ctrHome();
  const script =
    "echo one; sleep 0.3; echo two >&2; sleep 2; echo three; sleep 1; printf 'no newline'; exit 4";
  await home.ctr(["run", "-d", "--name", "l", ...QUIET, BUSYBOX, "sh", "-c", script]);
  const logs = async (...args: string[]) => {
    const { status, stdout, stderr } = await home.ctr(["logs", ...args, "l"]);
    assertEquals(status, 0);
    return [stdout, stderr];
  };
  const whole = "one\nthree\nno newline";
  await t.step("-f ends with the container", async () => {
    assertEquals(await logs("-f"), [whole, "two\n"]);
    assertEquals((await home.ctr(["wait", "l"])).stdout, "4\n");
  });
  await t.step("-f of one that has ended", async () => {
    assertEquals(await logs("-f"), [whole, "two\n"]);
  });
  await t.step("-n", async () => {
    assertEquals(await logs("-n", "2"), ["three\nno newline", ""]);
    assertEquals(await logs("-n", "0"), ["", ""]);
  });
  await t.step("--timestamps and --since", async () => {
    const [stamped] = await logs("-t");
    const times = stamped!.match(/^\d{4}-\d\d-\d\dT\S+Z/gm)!;
    assertEquals(times.length, 3);
    const between = new Date(Date.parse(times[1]!) - 500).toISOString();
    assertEquals(await logs("--since", between), ["three\nno newline", ""]);
    assertEquals(await logs("--since", "1h"), [whole, "two\n"]);
    assertEquals(await logs("--until", between), ["one\n", "two\n"]);
    assertEquals(await logs("--until", between, "-n", "1"), ["", "two\n"]);
    assertEquals(await logs("--since", between, "-n", "1", "-f"), ["no newline", ""]);
    assertEquals(await logs("--until", between, "--since", times[0]!, "--stream", "stdout"), [
      "one\n",
      "",
    ]);
  });
  await t.step("--stream", async () => {
    assertEquals(await logs("--stream", "stderr"), ["", "two\n"]);
    assertEquals(await logs("--stream", "stdout", "-n", "2"), ["three\nno newline", ""]);
  });
  await t.step("--boot", async () => {
    assert((await logs("--boot"))[0]!.includes("vminitd"));
  });
  assertEquals((await home.ctr(["rm", "l"])).status, 0);
});
