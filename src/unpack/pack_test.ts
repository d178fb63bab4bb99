import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { isCtrError } from "../core/mod.ts";
import { type Ext4Entry, Ext4Writer } from "../ext4/mod.ts";
import { readTar } from "../tar/mod.ts";
import { packDisks, type PackOptions, stopUnpackWorkers, unpackLayer } from "./mod.ts";
import { OPAQUE_VALUE, OPAQUE_XATTR, whiteoutEntry } from "./whiteouts.ts";

type Item = Partial<Ext4Entry> & { readonly path: string; readonly content?: string };

const IGNORED = { folders: ["proc", "dev"], emptyFiles: ["etc/hosts", "etc/hostname"] };
const OPAQUE = new Map([[OPAQUE_XATTR, OPAQUE_VALUE]]);

function disk(path: string, items: readonly Item[]): string {
  using file = Deno.openSync(path, { write: true, create: true, truncate: true });
  const writer = new Ext4Writer(file);
  for (const { content = "", ...item } of items) {
    const type = item.type ?? (content === "" ? "directory" : "file");
    const mode = type === "directory" ? 0o755 : 0o644;
    const size = type === "file" ? content.length : 0;
    const entry = { ...whiteoutEntry(item.path), type, mode, mtime: 1000, ...item, size };
    writer.add(entry);
    if (size > 0) writer.write(new TextEncoder().encode(content));
  }
  writer.finish(new Uint8Array(16).fill(7));
  return path;
}

/** Below `upper/`, as the guest mounts it. */
function upperDisk(path: string, items: readonly Item[]): string {
  const below = items.map((item) => ({
    ...item,
    path: `upper/${item.path}`,
    ...(item.type === "hardlink" && { linkTarget: `upper/${item.linkTarget}` }),
  }));
  return disk(path, [{ path: "work" }, { path: "upper" }, ...below]);
}

async function bytesOf(options: Omit<PackOptions, "doing">): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const packed = packDisks({ ...options, doing: "cannot pack" });
  for await (const piece of packed.bytes) parts.push(piece.slice());
  return await new Blob(parts).bytes();
}

async function changesOf(disks: string[], upper: string): Promise<string[]> {
  const bytes = await bytesOf({ what: "changes", disks, upper, ignored: IGNORED });
  return new TextDecoder().decode(bytes).split("\n").filter(Boolean).map((line) => {
    const { kind, path } = JSON.parse(line);
    return `${kind} ${path}`;
  });
}

async function folder(work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "ctr-pack-" });
  try {
    await work(path);
  } finally {
    stopUnpackWorkers();
    await Deno.remove(path, { recursive: true });
  }
}

const BELOW: readonly Item[] = [
  { path: "etc" },
  { path: "etc/passwd", content: "root" },
  { path: "etc/hosts", type: "symlink", linkTarget: "../run/hosts", mode: 0o777 },
  { path: "var" },
  { path: "var/log" },
  { path: "var/log/a", content: "a" },
  { path: "var/log/b", content: "b" },
  { path: "gone", content: "gone" },
  { path: "same", content: "same" },
];
const ABOVE: readonly Item[] = [
  { path: "dev" },
  { path: "dev/odd", content: "odd" },
  { path: "proc" },
  { path: "etc" },
  { path: "etc/hosts", type: "file" },
  { path: "etc/hostname", type: "file" },
  { path: "etc/passwd", content: "root changed", mtime: 2000 },
  { path: "var" },
  { path: "var/log", xattrs: OPAQUE },
  { path: "var/log/b", content: "b" }, // nothing but copied up
  { path: "var/log/c", content: "c" },
  { path: "new" },
  { path: "new/file", content: "new", mode: 0o4755 },
  { path: "new/twin", type: "hardlink", linkTarget: "new/file" },
  { path: "gone", type: "char" },
  { path: "never", type: "char" },
  { path: "same", content: "same" },
];

Deno.test("packDisks() tells what a writable disk changes, as docker diff does", () =>
  folder(async (path) => {
    const lower = disk(`${path}/lower`, BELOW);
    const upper = upperDisk(`${path}/upper`, ABOVE);
    assert.deepEqual(await changesOf([lower], upper), [
      "C /etc",
      "C /etc/passwd",
      "D /gone",
      "A /new",
      "A /new/file",
      "A /new/twin",
      "C /var",
      "C /var/log",
      "D /var/log/a",
      "A /var/log/c",
    ]);
  }));

Deno.test("packDisks() tells nothing of what the guest itself puts there", () =>
  folder(async (path) => {
    const items = [{ path: "dev" }, { path: "etc" }, { path: "etc/hosts", type: "file" as const }];
    const upper = upperDisk(`${path}/upper`, items);
    assert.deepEqual(await changesOf([], upper), [], "not even the folder it made for them");
    const more = upperDisk(`${path}/more`, [...items, { path: "etc/own", content: "x" }]);
    assert.deepEqual(await changesOf([], more), ["A /etc", "A /etc/own"]);
    const empty = disk(`${path}/empty`, []);
    assert.deepEqual(await changesOf([], empty), [], "of a disk that was never mounted");
  }));

Deno.test("packDisks() makes a layer that changes the lower disk into what the guest saw", () =>
  folder(async (path) => {
    const lower = disk(`${path}/lower`, BELOW);
    const upper = upperDisk(`${path}/upper`, ABOVE);
    const packed = packDisks({
      what: "layer",
      disks: [lower],
      upper,
      ignored: IGNORED,
      doing: "cannot commit",
    });
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const piece of packed.bytes) parts.push(piece.slice() as Uint8Array<ArrayBuffer>);
    const blob = await new Blob(parts).bytes();
    const tar = gunzipSync(blob);
    const { diffId, bytes } = await packed.result;
    assert.equal(diffId, `sha256:${createHash("sha256").update(tar).digest("hex")}`);
    assert.equal(bytes, tar.length);
    const listed = readTar(tar).map(({ entry }) => `${entry.type[0]} ${entry.path}`);
    assert.deepEqual(listed, [
      "d etc",
      "f etc/passwd",
      "f .wh.gone",
      "d new",
      "f new/file",
      "h new/twin",
      "d var",
      "d var/log",
      "f var/log/.wh.a",
      "f var/log/c",
    ]);
    // The way back: its disk over the lower one shows what the container had.
    await Deno.writeFile(`${path}/blob`, blob);
    const unpacked = await unpackLayer({
      source: `${path}/blob`,
      target: `${path}/layer`,
      expectedDiffId: diffId,
    });
    assert.equal(unpacked.privilegedFiles, 1);
    const again = readTar(await bytesOf({ what: "tree", disks: [lower, `${path}/layer`] }));
    const names = again.map(({ entry, content }) =>
      `${entry.path} ${entry.linkTarget}${new TextDecoder().decode(content)}`
    );
    assert.deepEqual(names, [
      "etc ",
      "etc/hosts ../run/hosts",
      "etc/passwd root changed",
      "new ",
      "new/file new",
      "new/twin new/file",
      "same same",
      "var ",
      "var/log ",
      "var/log/b b",
      "var/log/c c",
    ]);
  }));

Deno.test("packDisks() packs a tree as GNU tar reads it, with attributes and large files", () =>
  folder(async (path) => {
    const large = "0123456789abcdef".repeat(200_000);
    const capability = Uint8Array.of(1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const lower = disk(`${path}/lower`, [
      { path: "a" },
      { path: "a/large", content: large },
      {
        path: "ping",
        content: "ping",
        xattrs: new Map([["security.capability", capability], [OPAQUE_XATTR, OPAQUE_VALUE]]),
      },
    ]);
    const upper = upperDisk(`${path}/upper`, [{
      path: "null",
      type: "char",
      devMajor: 1,
      devMinor: 3,
    }]);
    const options = { what: "tree" as const, disks: [lower], upper };
    const tar = await bytesOf(options);
    assert.deepEqual(await bytesOf(options), tar, "same disks, same bytes");
    const found = readTar(tar);
    assert.deepEqual(found.map(({ entry }) => entry.path), ["a", "a/large", "null", "ping"]);
    assert.equal(new TextDecoder().decode(found[1]!.content), large);
    assert.deepEqual([...found[3]!.entry.xattrs!], [["security.capability", capability]]);
    await Deno.writeFile(`${path}/tree.tar`, tar);
    const gnu = await new Deno.Command("tar", { args: ["-tvf", `${path}/tree.tar`] }).output();
    assert.equal(gnu.code, 0);
    assert.match(new TextDecoder().decode(gnu.stdout), /^crw-r--r-- 0\/0 +1,3 .* null$/m);
  }));

Deno.test("packDisks() ends with the reader, and answers a missing disk", () =>
  folder(async (path) => {
    const lower = disk(`${path}/lower`, [{ path: "large", content: "x".repeat(20 << 20) }]);
    for await (const piece of packDisks({ what: "tree", disks: [lower], doing: "x" }).bytes) {
      assert.ok(piece.length > 0);
      break;
    }
    const none = bytesOf({ what: "tree", disks: [`${path}/none`] });
    await assert.rejects(none, (error) => isCtrError(error, "not-found"));
    const limited = bytesOf({ what: "tree", disks: [lower], limits: { maxContentBytes: 1 << 20 } });
    await assert.rejects(limited, (error) => isCtrError(error, "too-large"));
  }));

Deno.test("packDisks() answers a damaged writable disk with bytes or a CtrError, soon", () =>
  folder(async (path) => {
    const lower = disk(`${path}/lower`, BELOW);
    const sound = Deno.readFileSync(upperDisk(`${path}/sound`, ABOVE));
    const upper = `${path}/damaged`;
    const at = fc.oneof(
      fc.nat(sound.length - 1),
      fc.integer({ min: 1024, max: 1024 + 0x180 }), // the superblock
      fc.integer({ min: 4096, max: 4096 + 64 }), // the first descriptor
    );
    const flips = fc.array(fc.tuple(at, fc.nat(255)), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(flips, fc.constantFrom("tree", "changes", "layer"), async (flips, what) => {
        const bytes = sound.slice();
        for (const [at, value] of flips) bytes[at] = value;
        Deno.writeFileSync(upper, bytes);
        try {
          await bytesOf({
            what,
            disks: [lower],
            upper,
            ignored: IGNORED,
            limits: { maxContentBytes: 64 << 20, maxEntries: 10_000 },
          });
        } catch (error) {
          if (!isCtrError(error)) throw error;
        }
      }),
      { numRuns: 150, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false },
    );
  }));
