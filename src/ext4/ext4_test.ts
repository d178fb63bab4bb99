import assert from "node:assert/strict";
import fc from "fast-check";
import { isCtrError } from "../core/mod.ts";
import { aclFromDisk, aclToDisk } from "./acl.ts";
import { crc32c, crc32cZeros } from "./crc32c.ts";
import { cleanPath, type Ext4Entry, Ext4Writer, openExt4, walkExt4 } from "./mod.ts";

/** A disk in memory. */
class MemoryDisk {
  bytes = new Uint8Array(0);
  #at = 0;
  seekSync(offset: number): number {
    return (this.#at = offset);
  }
  writeSync(bytes: Uint8Array): number {
    if (this.#at + bytes.length > this.bytes.length) this.truncateSync(this.#at + bytes.length);
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return bytes.length;
  }
  readSync(into: Uint8Array): number | null {
    if (this.#at >= this.bytes.length) return null;
    const part = this.bytes.subarray(this.#at, this.#at + into.length);
    into.set(part);
    this.#at += part.length;
    return part.length;
  }
  truncateSync(length = 0): void {
    const grown = new Uint8Array(length);
    grown.set(this.bytes.subarray(0, length));
    this.bytes = grown;
  }
}

const UUID = new Uint8Array(16).fill(7);

function entry(path: string, more: Partial<Ext4Entry> = {}): Ext4Entry {
  return {
    path,
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 1_700_000_000,
    mtimeNs: 0,
    linkTarget: "",
    devMajor: 0,
    devMinor: 0,
    xattrs: undefined,
    ...more,
  };
}

type Step = Ext4Entry | readonly [Ext4Entry, Uint8Array];

function diskOf(...steps: readonly Step[]): MemoryDisk {
  const disk = new MemoryDisk();
  const writer = new Ext4Writer(disk);
  for (const step of steps) {
    if (!Array.isArray(step)) {
      writer.add(step as Ext4Entry);
    } else {
      const [what, content] = step as readonly [Ext4Entry, Uint8Array];
      writer.add({ ...what, size: content.length });
      writer.write(content);
    }
  }
  writer.finish(UUID);
  return disk;
}

function listing(disk: MemoryDisk): string[] {
  const reader = openExt4(disk);
  return [...walkExt4(reader)].map(({ path, inode }) =>
    `${inode.type} ${path}${inode.type === "symlink" ? ` -> ${reader.readLink(inode)}` : ""}` +
    (inode.type === "file" ? ` ${new TextDecoder().decode(reader.readAll(inode))}` : "")
  );
}

function refuses(code: string, message: RegExp, ...steps: readonly Step[]): void {
  assert.throws(
    () => diskOf(...steps),
    (error) => isCtrError(error) && error.code === code && message.test(error.message),
  );
}

const text = (value: string) => new TextEncoder().encode(value);

Deno.test("crc32c knows the check value, and steps over zeros as over bytes", () => {
  assert.equal((~crc32c(-1, text("123456789"))) >>> 0, 0xe3069283);
  for (const count of [0, 1, 7, 8, 96, 4084, 100_000]) {
    assert.equal(crc32cZeros(0x1234567, count), crc32c(0x1234567, new Uint8Array(count)));
  }
});

Deno.test("cleanPath() strips what names nothing and keeps to the root", () => {
  for (
    const [path, clean] of [["/a//b/./c/", "a/b/c"], ["./", ""], ["a/../b", "b"], ["...", "..."], [
      ".a/b.",
      ".a/b.",
    ], ["", ""]]
  ) {
    assert.equal(cleanPath(path!), clean);
  }
  for (const path of ["..", "../x", "a/../../x", "/../x", "./.."]) {
    assert.throws(() => cleanPath(path), (error) => isCtrError(error, "bad-data"));
  }
});

Deno.test("Ext4Writer: later paths win", () => {
  const disk = diskOf(
    [entry("a"), text("first")],
    [entry("a"), text("second")],
    [entry("d/one"), text("1")],
    [entry("d"), text("now a file")],
    [entry("f"), text("was a file")],
    entry("f", { type: "directory" }),
    [entry("f/in"), text("2")],
    [entry("g"), text("parent becomes a directory")],
    [entry("g/h/i"), text("3")],
  );
  assert.deepEqual(listing(disk), [
    "directory ",
    "file a second",
    "file d now a file",
    "directory f",
    "file f/in 2",
    "directory g",
    "directory g/h",
    "file g/h/i 3",
  ]);
});

Deno.test("Ext4Writer: a parent that is a symbolic link is followed inside the root", () => {
  const link = (path: string, linkTarget: string) => entry(path, { type: "symlink", linkTarget });
  const disk = diskOf(
    entry("usr/lib", { type: "directory" }),
    link("lib", "usr/lib"),
    link("out", "../../../../etc"),
    link("abs", "/usr/lib"),
    [entry("lib/a"), text("a")],
    [entry("out/passwd"), text("p")],
    [entry("abs/b"), text("b")],
  );
  assert.deepEqual(listing(disk), [
    "directory ",
    "symlink abs -> /usr/lib",
    "directory etc",
    "file etc/passwd p",
    "symlink lib -> usr/lib",
    "symlink out -> ../../../../etc",
    "directory usr",
    "directory usr/lib",
    "file usr/lib/a a",
    "file usr/lib/b b",
  ]);
  refuses("bad-data", /too many symbolic links/, link("loop", "loop"), entry("loop/x"));
});

Deno.test("Ext4Writer refuses", async (t) => {
  const hard = (path: string, linkTarget: string) => entry(path, { type: "hardlink", linkTarget });
  await t.step(
    "a path out of the root",
    () => refuses("bad-data", /leaves the root/, entry("../x")),
  );
  await t.step(
    "a hard link out of the root",
    () => refuses("bad-data", /leaves the root/, hard("x", "../../etc/shadow")),
  );
  await t.step(
    "a hard link to nothing",
    () => refuses("bad-data", /does not exist/, hard("x", "y")),
  );
  await t.step(
    "a hard link to a directory",
    () => refuses("bad-data", /is a directory/, entry("d", { type: "directory" }), hard("x", "d")),
  );
  await t.step(
    "a hard link over what holds its target",
    () => refuses("bad-data", /into itself/, entry("d/f"), hard("d", "d/f")),
  );
  await t.step("a root that is a file", () => refuses("bad-data", /root/, entry("./")));
  await t.step("a name of 256 bytes", () => refuses("bad-data", /256/, entry("n".repeat(256))));
  await t.step(
    "xattrs past a block",
    () =>
      refuses(
        "too-large",
        /4 KiB/,
        entry("x", { xattrs: new Map([["user.big", new Uint8Array(5000)]]) }),
      ),
  );
  await t.step(
    "an empty symbolic link",
    () => refuses("bad-data", /0 bytes/, entry("x", { type: "symlink" })),
  );
});

Deno.test("Ext4Writer keeps all that an inode says", () => {
  const acl = Uint8Array.of(
    2,
    0,
    0,
    0,
    1,
    0,
    6,
    0,
    255,
    255,
    255,
    255,
    2,
    0,
    4,
    0,
    232,
    3,
    0,
    0,
    4,
    0,
    4,
    0,
    255,
    255,
    255,
    255,
  );
  const wanted = entry("x", {
    mode: 0o6755,
    uid: 3_000_000_000,
    gid: 2_000_000_000,
    mtime: 15_032_385_535, // the last second that ext4 knows
    mtimeNs: 999_999_999,
    atime: -2_147_483_648, // the first
    atimeNs: 1,
    xattrs: new Map([["user.a", text("1")], ["user.big", new Uint8Array(3000).fill(1)], [
      "system.posix_acl_access",
      acl,
    ]]),
  });
  const reader = openExt4(
    diskOf(wanted, entry("dev", { type: "char", devMajor: 300, devMinor: 70_000 })),
  );
  const found = reader.lookup("x")!;
  const { mode, uid, gid, mtime, mtimeNs, atime, atimeNs } = found;
  const { mode: m, uid: u, gid: g, mtime: t, mtimeNs: tn, atime: a, atimeNs: an } = wanted;
  assert.deepEqual([mode, uid, gid, mtime, mtimeNs, atime, atimeNs], [m, u, g, t, tn, a, an]);
  assert.deepEqual(new Map([...found.xattrs].sort()), new Map([...wanted.xattrs!].sort()));
  const device = reader.lookup("dev")!;
  assert.deepEqual([device.devMajor, device.devMinor], [300, 70_000]);
  assert.deepEqual(aclFromDisk(aclToDisk(acl)), acl);
});

Deno.test("Ext4Writer makes long zeros holes, wherever the content was cut", () => {
  const content = new Uint8Array(1 << 20);
  content.fill(1, 0, 5000);
  content.fill(2, 500_000, 500_001);
  content.fill(3, (1 << 20) - 10);
  const disks = [content.length, 1000, 4096, 70_001].map((size) => {
    const disk = new MemoryDisk();
    const writer = new Ext4Writer(disk);
    writer.add(entry("f", { size: content.length }));
    for (let at = 0; at < content.length; at += size) writer.write(content.subarray(at, at + size));
    writer.finish(UUID);
    return disk;
  });
  for (const disk of disks) assert.deepEqual(disk.bytes, disks[0]!.bytes);
  const reader = openExt4(disks[0]!);
  assert.deepEqual(reader.readAll(reader.lookup("f")!), content);
  assert.deepEqual(reader.extents(reader.lookup("f")!).map(({ blocks }) => blocks), [2, 1, 1]);
});

Deno.test("Ext4Writer: same calls, same bytes; and what is read back is what was written", () => {
  const name = fc.stringMatching(/^[a-d]{1,2}$/);
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const step = fc.record({
    path,
    type: fc.constantFrom("file", "directory", "symlink", "fifo", "char", "hardlink"),
    size: fc.nat(9000),
    target: path,
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const make = () => {
        const disk = new MemoryDisk();
        const writer = new Ext4Writer(disk);
        const model = new Map<string, number>();
        for (const { path, type, size, target } of steps) {
          const what = entry(path, {
            type: type as Ext4Entry["type"],
            linkTarget: target,
            size: type === "file" ? size : 0,
          });
          try {
            writer.add(what);
          } catch (error) {
            if (!isCtrError(error, "bad-data")) throw error;
            continue;
          }
          if (type === "file") writer.write(new Uint8Array(size).fill(size & 0xff));
          model.set(path, size);
        }
        writer.finish(UUID);
        return disk;
      };
      const disk = make();
      assert.deepEqual(make().bytes, disk.bytes);
      const reader = openExt4(disk);
      for (const { inode } of walkExt4(reader)) {
        if (inode.type !== "file") continue;
        const content = reader.readAll(inode);
        assert.ok(content.every((byte) => byte === (content.length & 0xff)));
      }
    }),
    { numRuns: 150 },
  );
});

Deno.test("openExt4() answers mutated disks with a tree or a CtrError, soon", () => {
  const seed = diskOf(
    ...Array.from({ length: 120 }, (_, i) => entry(`dir/${"n".repeat(60)}${i}`)),
    [entry("file"), text("content".repeat(3000))],
    entry("link", { type: "symlink", linkTarget: "t".repeat(100) }),
    entry("x", { xattrs: new Map([["user.a", text("1")], ["user.b", new Uint8Array(500)]]) }),
  ).bytes;
  // Only blocks that hold anything are worth a mutation.
  const places: number[] = [];
  for (let at = 1024; at < seed.length; at++) if (seed[at] !== 0) places.push(at);
  const mutation = fc.tuple(fc.nat(places.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 8 }), (mutations) => {
      const disk = new MemoryDisk();
      disk.bytes = seed.slice();
      for (const [at, value] of mutations) disk.bytes[places[at]!] = value;
      try {
        const reader = openExt4(disk);
        for (const { inode } of walkExt4(reader)) {
          if (inode.type === "file") reader.readAll(inode, 1 << 24);
          if (inode.type === "symlink") reader.readLink(inode);
        }
      } catch (error) {
        if (!isCtrError(error)) throw error;
      }
    }),
    { numRuns: 1500 },
  );
  for (const length of [0, 1000, 2048, 5000, seed.length / 2]) {
    const disk = new MemoryDisk();
    disk.bytes = seed.slice(0, length);
    assert.throws(() => [...walkExt4(openExt4(disk))], (error) => isCtrError(error, "bad-data"));
  }
});
