import { deepStrictEqual as equal } from "node:assert/strict";
import { join } from "node:path";
import { container, probeLayer, TestVm } from "./vm.ts";
import { copyIn, copyOut, host, hostText } from "./streams.ts";

const quiet = { sanitizeOps: false, sanitizeResources: false };
const folder = await Deno.makeTempDir();
const layer = { path: await probeLayer(folder, "x86_64"), serial: "layer0", readonly: true };
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

Deno.test("files go in and come out as GNU tar has them", quiet, async () => {
  await using vm = await TestVm.start(folder, { disks: [layer] });
  const guest = await vm.connect();
  await guest.startContainer(container(["probe", "trap"]));
  const tree = join(folder, "in");
  await Deno.mkdir(join(tree, "a/b", "deep".repeat(30)), { recursive: true });
  await Deno.writeTextFile(join(tree, "a/file"), "hello\n");
  await Deno.link(join(tree, "a/file"), join(tree, "a/b/linked"));
  await Deno.symlink("../file", join(tree, "a/b/link"));
  await Deno.symlink("x".repeat(200), join(tree, "a/b/longlink"));
  await Deno.writeFile(join(tree, "a/big"), crypto.getRandomValues(new Uint8Array(60_000)));
  await Deno.writeTextFile(join(tree, `a/${"n".repeat(200)}`), "long");
  await Deno.writeTextFile(join(tree, "a/ünïcode"), "");
  await host(["mkfifo", "-m", "640", join(tree, "a/fifo")]);
  await Deno.chmod(join(tree, "a/b"), 0o2755);
  await Deno.chmod(join(tree, "a/big"), 0o4711);
  await Deno.utime(join(tree, "a/b"), 1000, 1000);
  await Deno.utime(join(tree, "a/big"), 1.5, 1234567890.25);
  const archive = await host([
    "tar",
    "-C",
    tree,
    "--format=pax",
    "--owner=0",
    "--group=0",
    "-c",
    "a",
  ]);
  const exit = await copyIn(guest, "/tmp", archive);
  equal([exit.status, exit.error], [0, ""]);
  const { bytes, exit: out } = await copyOut(guest, "/tmp/a");
  equal([out.status, out.error], [0, ""]);
  const list = async (tar: Uint8Array) =>
    (await hostText(["tar", "--full-time", "--numeric-owner", "-tvf", "-"], tar)).split("\n")
      .map((line) => line.replace(/ link to .*/, " link")).sort();
  const wanted = (await list(archive)).map((l) =>
    l.replace(/(a\/file|a\/b\/linked)( link)?$/, "$1")
  );
  const got = (await list(bytes)).map((l) => l.replace(/(a\/file|a\/b\/linked)( link)?$/, "$1"));
  equal(
    got.map((l) => l.replace(/^h/, "-").replace(/ +\d+ /, " ")),
    wanted.map((l) => l.replace(/^h/, "-").replace(/ +\d+ /, " ")),
  );
  const back = join(folder, "back");
  await Deno.mkdir(back);
  await host(["tar", "-C", back, "-xf", "-"], bytes);
  await host(["diff", "-r", "--no-dereference", "--exclude=fifo", tree, back]);
});
