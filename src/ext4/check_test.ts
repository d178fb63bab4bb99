import assert from "node:assert/strict";
import { join } from "node:path";
import {
  checkExt4,
  type Ext4Entry,
  Ext4Writer,
  makeEmptyExt4,
  needsRecovery,
  openExt4,
  recoverExt4,
} from "./mod.ts";

const SIZE = 64 * 1024 ** 2;

async function run(command: string, args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    env: { LC_ALL: "C", PATH: "/usr/sbin:/sbin:/usr/bin:/bin" },
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

const hasTools = await run("/usr/sbin/debugfs", ["-V"]).then(() => true, () => false);

/** A test with an empty disk, judged by e2fsprogs. */
function diskTest(name: string, body: (disk: string, folder: string) => Promise<void>): void {
  Deno.test({
    name: hasTools ? name : `${name} (skipped: there is no debugfs)`,
    ignore: !hasTools,
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        const disk = join(folder, "disk.ext4");
        await makeEmptyExt4(disk, SIZE);
        await body(disk, folder);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

async function debugfs(disk: string, ...lines: string[]): Promise<void> {
  const script = `${disk}.script`;
  await Deno.writeTextFile(script, `${lines.join("\n")}\n`);
  await run("/usr/sbin/debugfs", ["-w", "-f", script, disk]);
}

async function problems(disk: string): Promise<readonly string[]> {
  using file = await Deno.open(disk);
  return (await checkExt4(file)).problems;
}

async function isCleanByE2fsck(disk: string): Promise<boolean> {
  return (await run("/usr/sbin/e2fsck", ["-fn", disk])).code === 0;
}

diskTest("what e2fsck finds clean is clean", async (disk) => {
  assert.deepEqual(await problems(disk), []);
  await debugfs(
    disk,
    "mkdir a",
    "mkdir a/b",
    "write /bin/sh a/sh",
    "symlink s /bin/sh",
    "mknod p p",
    "ea_set a/sh user.x hello",
  );
  assert.ok(await isCleanByE2fsck(disk));
  assert.deepEqual(await problems(disk), []);
});

diskTest("a disk with many files and deep folders is clean", async (disk) => {
  const entry = (path: string, type: Ext4Entry["type"], size = 0): Ext4Entry => ({
    path,
    type,
    mode: 0o755,
    uid: 0,
    gid: 0,
    size,
    mtime: 0,
    mtimeNs: 0,
    linkTarget: "",
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
  });
  using file = await Deno.open(disk, { write: true, truncate: true });
  const writer = new Ext4Writer(file, { capacityBytes: SIZE, journal: true });
  for (let i = 0; i < 3000; i++) {
    writer.add(entry(`d${i % 7}/${"n".repeat(i % 200)}${i}`, "file", 5000));
    writer.hole(2000);
    writer.write(new Uint8Array(3000).fill(i));
  }
  writer.finish(new Uint8Array(16).fill(1));
  assert.ok(await isCleanByE2fsck(disk));
  assert.deepEqual(await problems(disk), []);
});

const DAMAGE: readonly (readonly [name: string, line: string, found: RegExp])[] = [
  ["a wrong link count", "sif /f links_count 5", /inode 12 has 5 links and 1 names/],
  ["a name of nothing", "clri <12>", /leads to inode 12|inode 12/],
  ["a free block in use", "freeb 1", /in use are marked free|count of free blocks/],
  ["a used block of nobody", "setb 9000 3", /free blocks are marked in use|count of free/],
  ["an inode without a name", "unlink /f", /inode 12 has no name/],
  ["a wrong count of sectors", "sif /f blocks 64", /says 64 sectors/],
];
for (const [name, line, found] of DAMAGE) {
  diskTest(`${name} is found, as e2fsck finds it`, async (disk) => {
    await debugfs(disk, "write /etc/passwd f");
    assert.deepEqual(await problems(disk), []);
    await debugfs(disk, line);
    assert.ok(!await isCleanByE2fsck(disk), "e2fsck finds it");
    assert.match((await problems(disk)).join("\n"), found);
  });
}

diskTest("errors that a guest's kernel has noted are told", async (disk) => {
  await debugfs(disk, "ssv state 3");
  assert.match((await problems(disk)).join("\n"), /the guest's kernel has found errors/);
});

diskTest("noise anywhere in the tables is told, never thrown", async (disk) => {
  await debugfs(disk, "mkdir a", "write /etc/passwd a/f");
  const bytes = await Deno.readFile(disk);
  let seed = 7;
  const random = (below: number) => (seed = seed * 1103515245 + 12345 & 0x7fffffff) % below;
  for (let round = 0; round < 150; round++) {
    const places = Array.from({ length: 4 }, () => 1024 + random(1 << 20));
    const before = places.map((at) => bytes[at]!);
    for (const at of places) bytes[at] = random(256);
    let position = 0;
    const file = {
      seekSync: (offset: number) => position = offset,
      readSync: (into: Uint8Array) => {
        if (position >= bytes.length) return null;
        const part = bytes.subarray(position, position + into.length);
        into.set(part);
        position += part.length;
        return part.length;
      },
    };
    try {
      await checkExt4(file);
    } catch (error) {
      assert.match(String(error), /read ext4/); // the superblock itself
    }
    for (const [i, at] of places.entries()) bytes[at] = before[i]!;
  }
});

/** Has e2fsprogs write a transaction: the bytes of a file's block, which are not in their place yet. */
async function journaled(disk: string, folder: string, lines: (block: number) => string[]) {
  await Deno.writeFile(join(folder, "before"), new Uint8Array(4096).fill(0x42));
  await debugfs(disk, `write ${join(folder, "before")} f`);
  using file = await Deno.open(disk);
  const reader = openExt4(file);
  await debugfs(disk, ...lines(reader.extents(reader.lookup("f")!)[0]!.physical));
}

async function contentOf(disk: string): Promise<number | undefined> {
  using file = await Deno.open(disk);
  const reader = openExt4(file);
  return reader.readAll(reader.lookup("f")!)[100];
}

for (const checksums of ["-c -v 3", ""]) {
  diskTest(
    `what was committed is brought to its place (journal ${checksums})`,
    async (disk, folder) => {
      const block = join(folder, "after");
      await Deno.writeFile(block, new Uint8Array(4096).fill(0x41));
      await journaled(disk, folder, (at) => [`jo ${checksums}`, `jw -b ${at} ${block}`, "jc"]);
      assert.equal(await contentOf(disk), 0x42, "a reader sees the earlier state");
      {
        using file = await Deno.open(disk, { read: true, write: true });
        assert.ok(needsRecovery(file));
        assert.equal(recoverExt4(file), 1);
        assert.ok(!needsRecovery(file));
        assert.equal(recoverExt4(file), 0);
      }
      assert.equal(await contentOf(disk), 0x41);
      assert.deepEqual(await problems(disk), []);
      assert.ok(await isCleanByE2fsck(disk));
    },
  );
}

diskTest(
  "a block whose first bytes are the journal's own mark comes back whole",
  async (disk, folder) => {
    const block = join(folder, "after");
    const bytes = new Uint8Array(4096).fill(0x41);
    bytes.set([0xc0, 0x3b, 0x39, 0x98]);
    await Deno.writeFile(block, bytes);
    await journaled(disk, folder, (at) => ["jo -c -v 3", `jw -b ${at} ${block}`, "jc"]);
    using file = await Deno.open(disk, { read: true, write: true });
    recoverExt4(file);
    const reader = openExt4(file);
    assert.deepEqual(reader.readAll(reader.lookup("f")!), bytes);
  },
);

diskTest("a block that was revoked later is left alone", async (disk, folder) => {
  const block = join(folder, "after");
  await Deno.writeFile(block, new Uint8Array(4096).fill(0x41));
  await journaled(
    disk,
    folder,
    (at) => ["jo -c -v 3", `jw -b ${at} ${block}`, `jw -r ${at}`, "jc"],
  );
  using file = await Deno.open(disk, { read: true, write: true });
  assert.equal(recoverExt4(file), 2);
  assert.equal(await contentOf(disk), 0x42);
});

diskTest("a transaction without its commit did not happen", async (disk, folder) => {
  const block = join(folder, "after");
  await Deno.writeFile(block, new Uint8Array(4096).fill(0x41));
  await journaled(disk, folder, (at) => ["jo -c -v 3", `jw -b ${at} -c ${block}`, "jc"]);
  using file = await Deno.open(disk, { read: true, write: true });
  recoverExt4(file);
  assert.equal(await contentOf(disk), 0x42);
});
