import { deepStrictEqual as equal, match } from "node:assert/strict";
import { join } from "node:path";
import type { GuestClient } from "../../src/guest/mod.ts";
import { collect, container, probeLayer, TestVm } from "./vm.ts";
import { copyIn, copyOut, host, hostText } from "./streams.ts";

const quiet = { sanitizeOps: false, sanitizeResources: false };
const folder = await Deno.makeTempDir();
const layer = { path: await probeLayer(folder, "x86_64"), serial: "layer0", readonly: true };
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

interface Entry {
  readonly name: string;
  readonly kind?: string;
  readonly link?: string;
  readonly content?: string;
  readonly size?: number;
}

/** One ustar entry after the other, as no program would write them. */
function tar(entries: readonly Entry[]): Uint8Array {
  const text = new TextEncoder();
  const blocks: Uint8Array[] = [];
  for (const { name, kind = "0", link = "", content = "", size = content.length } of entries) {
    const block = new Uint8Array(512);
    const put = (at: number, value: string) => block.set(text.encode(value), at);
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, `${size.toString(8).padStart(11, "0")}\0`);
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, kind);
    put(157, link);
    put(257, "ustar\x0000");
    put(329, "0000376\0");
    put(337, "0000000\0");
    put(148, `${block.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `);
    blocks.push(block);
    const data = new Uint8Array(Math.ceil(content.length / 512) * 512);
    data.set(text.encode(content));
    blocks.push(data);
  }
  blocks.push(new Uint8Array(1024));
  const all = new Uint8Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    all.set(block, at);
    at += block.length;
  }
  return all;
}

let ids = 0;
async function run(guest: GuestClient, ...args: string[]): Promise<string> {
  const id = `r${++ids}`;
  await guest.startProcess("c1", { id, args });
  return (await collect(guest, id)).out.trim();
}

Deno.test("nothing of an archive or of a container's links leaves its folder", quiet, async (t) => {
  await using vm = await TestVm.start(folder, { disks: [layer] });
  const guest = await vm.connect();
  await guest.startContainer(container(["probe", "trap"]));
  const evil = { name: "x", content: "evil" };
  const attempts: Record<string, [Entry[], RegExp]> = {
    "a name with ..": [[{ ...evil, name: "../data/victim" }], /^denied: /],
    "a name with .. in the middle": [[{ ...evil, name: "a/../../data/victim" }], /^denied: /],
    "an absolute name": [[{ ...evil, name: "/data/victim" }], /^$/],
    "a link, then a name through it": [
      [{ name: "way", kind: "2", link: "/data" }, { ...evil, name: "way/victim" }],
      /^denied: /,
    ],
    "a relative link, then a name through it": [
      [{ name: "up", kind: "2", link: "../data" }, { ...evil, name: "up/victim" }],
      /^denied: /,
    ],
    "a link, then a file of its name": [
      [{ name: "victim", kind: "2", link: "/data/victim" }, { ...evil, name: "victim" }],
      /^$/,
    ],
    "a hard link out": [[{ name: "hard", kind: "1", link: "../data/victim" }], /^denied: /],
    "a hard link through a link": [
      [{ name: "way2", kind: "2", link: "/data" }, { name: "h", kind: "1", link: "way2/victim" }],
      /^denied: /,
    ],
    "a hard link to a link, then a write": [
      [
        { name: "soft", kind: "2", link: "/data/victim" },
        { name: "hard2", kind: "1", link: "soft" },
        { ...evil, name: "hard2" },
      ],
      /^$/,
    ],
    "a size that never comes": [[{ name: "huge", size: 8 ** 11 - 1 }], /^bad-data: /],
    "a broken header": [[{ name: "ok" }, { name: "bad", kind: "?" }], /^bad-data: /],
  };
  for (const [what, [entries, error]] of Object.entries(attempts)) {
    await t.step(what, async () => {
      const exit = await copyIn(guest, "/tmp", tar(entries));
      match(exit.error, error);
      equal(exit.status, exit.error === "" ? 0 : 1);
      equal(await run(guest, "probe", "cat", "/data/victim"), "untouched");
    });
  }
  await t.step("a link in the container that leads out of the target", async () => {
    await run(guest, "probe", "mkdir", "/tmp/target");
    await run(guest, "probe", "symlink", "/data", "/tmp/target/out");
    const exit = await copyIn(guest, "/tmp/target", tar([{ ...evil, name: "out/victim" }]));
    match(exit.error, /^denied: .*leads out of the folder/);
    equal(await run(guest, "probe", "cat", "/data/victim"), "untouched");
  });
  await t.step("but a link inside the root is followed when the root is the target", async () => {
    await run(guest, "probe", "mkdir", "/tmp/real");
    await run(guest, "probe", "symlink", "/tmp/real", "/tmp/alias");
    const exit = await copyIn(guest, "/", tar([{ name: "tmp/alias/new", content: "here" }]));
    equal(exit.error, "");
    equal(await run(guest, "probe", "cat", "/tmp/real/new"), "here");
  });
  await t.step("a folder and a file do not replace each other where that is asked", async () => {
    const options = { noOverwriteFolderWithFile: true };
    await run(guest, "probe", "mkdir", "/tmp/folder");
    match(
      (await copyIn(guest, "/tmp", tar([{ ...evil, name: "folder" }]), options)).error,
      /^conflict: /,
    );
    const over = tar([{ name: "x/", kind: "5" }]);
    equal((await copyIn(guest, "/tmp", tar([evil]))).error, "");
    match((await copyIn(guest, "/tmp", over, options)).error, /^conflict: /);
    equal((await copyIn(guest, "/tmp", over)).error, "");
  });
  await t.step("what is missing is not-found", async () => {
    match((await copyIn(guest, "/nowhere", tar([evil]))).error, /^not-found: /);
    match((await copyOut(guest, "/nowhere")).exit.error, /^not-found: /);
    match((await copyIn(guest, "/data/victim", tar([evil]))).error, /^conflict: /);
    equal((await copyIn(guest, "/made/here", tar([evil]), { makeFolders: true })).error, "");
    equal(await run(guest, "probe", "cat", "/made/here/x"), "evil");
  });
  await t.step("a container that swaps a folder for a link while files go in and out", async () => {
    await run(guest, "probe", "mkdir", "/tmp/race");
    await run(guest, "probe", "mkdir", "/tmp/race/a");
    await run(guest, "probe", "symlink", "/data", "/tmp/race/b");
    await guest.startProcess("c1", {
      id: "swap",
      args: ["probe", "swap", "/tmp/race/a", "/tmp/race/b"],
    });
    const entries = Array.from(
      { length: 60 },
      (_, i) => ({ ...evil, name: `a/victim${i % 3 || ""}` }),
    );
    for (let i = 0; i < 5; i++) {
      await copyIn(guest, "/tmp/race", tar(entries));
      const { bytes, exit } = await copyOut(guest, "/tmp/race");
      equal(exit.error, "");
      const names = await hostText(["tar", "-tf", "-"], bytes);
      equal(names.includes("untouched"), false);
      equal((await hostText(["tar", "-xOf", "-"], bytes)).includes("untouched"), false);
    }
    await guest.signal("swap", 9);
    equal(await run(guest, "probe", "ls", "/data").then((l) => l.split("\n").sort()), [
      ".",
      "..",
      "victim",
    ]);
    equal(await run(guest, "probe", "cat", "/data/victim"), "untouched");
  });
  await t.step("a sparse file keeps its size", async () => {
    const path = join(folder, "sparse");
    await host(["truncate", "-s", "3M", path]);
    await host([
      "sh",
      "-c",
      `printf end | dd of=${path} bs=1 seek=2000000 conv=notrunc 2>/dev/null`,
    ]);
    for (const format of ["gnu", "pax"]) {
      const archive = await host(["tar", "-C", folder, "-S", `--format=${format}`, "-c", "sparse"]);
      equal((await copyIn(guest, "/tmp", archive)).error, "");
      const { bytes } = await copyOut(guest, "/tmp/sparse", { name: "back" });
      await host(["tar", "-C", folder, "-xf", "-"], bytes);
      await host(["cmp", path, join(folder, "back")]);
    }
  });
});
