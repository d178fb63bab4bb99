import { digestOf } from "../../src/oci/mod.ts";
import { assertEquals, assertMatch } from "../cli/assert.ts";
import { realRegistry, skopeo } from "../image/support/tools.ts";
import { BUSYBOX, ctrHome, vmTest } from "./ctr_home.ts";

const QUIET = ["--progress", "none"];

vmTest("an image is converted, sent to a registry, and runs when it comes back", async (t) => {
  await using registry = await realRegistry();
  await using home = await ctrHome();
  const target = `${registry.host}/team/box:1`;
  const raw = async (reference: string) =>
    digestOf(await skopeo("inspect", "--raw", "--tls-verify=false", `docker://${reference}`));
  const ok = async (...args: string[]) => {
    const result = await home.ctr(args);
    assertEquals(result.status, 0, result.stderr);
    return result;
  };
  await ok("pull", ...QUIET, "--all-platforms", BUSYBOX);

  await t.step("an index, byte for byte", async () => {
    await ok("tag", BUSYBOX, target);
    const { stdout, stderr } = await ok("push", ...QUIET, target);
    assertEquals(stdout, `${target}\n`);
    assertEquals(await raw(target), await raw(BUSYBOX));
    assertMatch(stderr, new RegExp(`digest: ${await raw(BUSYBOX)} size: \\d+\n$`));
  });
  await t.step("one platform, compressed with zstd", async () => {
    const zstd = `${registry.host}/team/box:zstd`;
    await ok("image", "convert", ...QUIET, "--compression", "zstd", BUSYBOX, zstd);
    await ok("image", "push", ...QUIET, "--platform", "linux/amd64", zstd);
    assertEquals((await ok("image", "diff", BUSYBOX, zstd)).stdout, "");
    await ok("rmi", zstd);
    const { stdout } = await ok("run", "--rm", ...QUIET, zstd, "echo", "back");
    assertEquals(stdout, "back\n");
  });
  await t.step("an archive in a file, which the engine reads and writes itself", async () => {
    const path = `${home.path}/box.tar`;
    await ok("save", "-o", path, target);
    const piped = `${home.path}/pipe`; // a link, as /dev/stdout is: it is written to, not replaced
    await Deno.writeTextFile(`${home.path}/other.tar`, "old");
    await Deno.symlink(`${home.path}/other.tar`, piped);
    await ok("save", "-o", piped, target);
    assertEquals((await Deno.lstat(piped)).isSymlink, true);
    assertEquals(digestOf(await Deno.readFile(piped)), digestOf(await Deno.readFile(path)));
    for (const file of [piped, `${home.path}/other.tar`]) await Deno.remove(file);
    await ok("rmi", target, BUSYBOX);
    assertEquals((await ok("load", ...QUIET, "-i", path)).stdout, `${target}\n`);
    const { stdout } = await ok("run", "--rm", ...QUIET, target, "echo", "loaded");
    assertEquals(stdout, "loaded\n");
    const imported = await ok("import", ...QUIET, "-c", "CMD x", path, "odd:1");
    assertEquals(imported.stdout, "odd:1\n");
    assertMatch((await ok("history", "odd:1")).stdout, /ctr image import/);
    await Deno.remove(path);
  });
  await t.step("what happened is on record", async () => {
    const { stdout } = await ok("events", "--since", "10m", "--until", "0s");
    for (const action of ["pull", "tag", "push", "convert", "untag", "load", "import"]) {
      assertMatch(stdout, new RegExp(` image ${action} `));
    }
  });
  assertEquals(await home.litter(), []);
});
