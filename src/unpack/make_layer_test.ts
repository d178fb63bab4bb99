import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { isCtrError } from "../core/mod.ts";
import { type Ext4Entry, Ext4Writer } from "../ext4/mod.ts";
import { readTar } from "../tar/mod.ts";
import {
  type LayerContent,
  type LayerEntry,
  type MadeLayer,
  makeLayer,
  stopUnpackWorkers,
  unpackLayer,
} from "./mod.ts";
import { whiteoutEntry } from "./whiteouts.ts";

const ENTRY = { mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 1000 };

async function inFolder(work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "ctr-layer-" });
  try {
    await work(path);
  } finally {
    stopUnpackWorkers();
    await Deno.remove(path, { recursive: true });
  }
}

async function make(
  folder: string,
  content: LayerContent,
  compression: "gzip" | "zstd" | "none" = "gzip",
): Promise<MadeLayer> {
  const options = { blob: `${folder}/blob`, disk: `${folder}/disk`, doing: "cannot make it" };
  return await makeLayer({ content, compression, ...options });
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function scratch(path: string, items: readonly (Partial<Ext4Entry> & { path: string })[]): void {
  using file = Deno.openSync(path, { write: true, create: true, truncate: true });
  const writer = new Ext4Writer(file);
  for (const item of items) {
    const type = item.type ?? "directory";
    const entry = { ...whiteoutEntry(item.path), mode: 0o755, ...item, type };
    writer.add(entry);
    if (entry.size > 0) writer.write(new Uint8Array(entry.size).fill(65));
  }
  writer.finish(new Uint8Array(16).fill(3));
}

Deno.test("makeLayer()", async (t) => {
  await t.step(
    "makes the blob and the disk that its archive would become",
    () =>
      inFolder(async (folder) => {
        const large = new Uint8Array(3_000_001).map((_, at) => at * 7);
        await Deno.writeFile(`${folder}/large`, large);
        const { ino } = await Deno.stat(`${folder}/large`);
        const entries: LayerEntry[] = [
          { ...ENTRY, path: "", type: "directory", mode: 0o755 },
          { ...ENTRY, path: "app", type: "directory", mode: 0o1777, uid: 7, gid: 70_000 },
          {
            ...ENTRY,
            path: "app/large",
            type: "file",
            size: large.length,
            content: { from: "host", path: `${folder}/large`, inode: ino! },
          },
          { ...ENTRY, path: "app/same", type: "hardlink", linkTarget: "app/large" },
          { ...ENTRY, path: "app/link", type: "symlink", linkTarget: "large", mode: 0o777 },
          {
            ...ENTRY,
            path: "app/note",
            type: "file",
            size: 5,
            content: { from: "bytes", bytes: new TextEncoder().encode("hello") },
            xattrs: new Map([["user.a", Uint8Array.of(1)], [
              "trusted.overlay.opaque",
              new Uint8Array(1),
            ]]),
          },
          { ...ENTRY, path: "app/gone", type: "whiteout" },
        ];
        for (const compression of ["gzip", "zstd", "none"] as const) {
          const made = await make(folder, { kind: "entries", entries, disks: [] }, compression);
          const blob = await Deno.readFile(`${folder}/blob`);
          assert.deepEqual([made.digest, made.size], [sha256(blob), blob.length]);
          assert.equal(made.entries, 7);
          const unpacked = await unpackLayer({
            source: `${folder}/blob`,
            target: `${folder}/other`,
          });
          assert.equal(unpacked.diffId, made.diffId);
          assert.equal(
            sha256(await Deno.readFile(`${folder}/disk`)),
            sha256(await Deno.readFile(`${folder}/other`)),
          );
          if (compression === "gzip") {
            const tar = gunzipSync(blob);
            assert.equal(sha256(tar), made.diffId);
            const found = readTar(tar);
            assert.deepEqual(found.map(({ entry }) => entry.path), [
              ".",
              "app",
              "app/large",
              "app/same",
              "app/link",
              "app/note",
              "app/.wh.gone",
            ]);
            assert.equal(sha256(found[2]!.content), sha256(large));
            assert.deepEqual([...found[5]!.entry.xattrs!.keys()], ["user.a"]);
          }
        }
      }),
  );

  await t.step(
    "takes what a folder of a scratch disk changes of another one",
    () =>
      inFolder(async (folder) => {
        scratch(`${folder}/scratch`, [
          { path: "one/upper/kept", type: "file", size: 3 },
          { path: "one/upper/removed", type: "file", size: 3 },
          { path: "two/upper/removed", type: "char" },
          { path: "two/upper/new", type: "file", size: 9 },
        ]);
        const disk = `${folder}/scratch`;
        const made = await make(folder, {
          kind: "changes",
          lowers: [{ disk, folder: "one/upper" }],
          upper: { disk, folder: "two/upper" },
        });
        const names = readTar(gunzipSync(await Deno.readFile(`${folder}/blob`)));
        assert.deepEqual(names.map(({ entry }) => entry.path), ["new", ".wh.removed"]);
        assert.equal(made.entries, 2);
        const same = await make(folder, {
          kind: "changes",
          lowers: [{ disk, folder: "one/upper" }],
          upper: { disk, folder: "one/upper" },
        });
        assert.equal(same.entries, 0);
      }),
  );

  await t.step("cuts times of an archive down", () =>
    inFolder(async (folder) => {
      const entries: LayerEntry[] = [
        { ...ENTRY, path: "old", type: "directory", mtime: 10 },
        {
          ...ENTRY,
          path: "new",
          type: "file",
          size: 1,
          mtime: 5000,
          content: { from: "bytes", bytes: Uint8Array.of(9) },
        },
      ];
      await make(folder, { kind: "entries", entries, disks: [] });
      await Deno.rename(`${folder}/blob`, `${folder}/first`);
      await make(folder, { kind: "archive", path: `${folder}/first`, latestMtime: 100 });
      const found = readTar(gunzipSync(await Deno.readFile(`${folder}/blob`)));
      assert.deepEqual(found.map(({ entry }) => [entry.path, entry.mtime]), [["old", 10], [
        "new",
        100,
      ]]);
      assert.deepEqual(found[1]!.content, Uint8Array.of(9));
    }));

  await t.step(
    "refuses a file that is another one by now, and leaves nothing",
    () =>
      inFolder(async (folder) => {
        await Deno.writeTextFile(`${folder}/file`, "abc");
        const { ino } = await Deno.stat(`${folder}/file`);
        const content = { from: "host", path: `${folder}/file`, inode: ino! + 1 } as const;
        const entries = [{ ...ENTRY, path: "file", type: "file" as const, size: 3, content }];
        await assert.rejects(
          make(folder, { kind: "entries", entries, disks: [] }),
          (error) => isCtrError(error, "bad-data") && /"file" changed/.test(error.message),
        );
        assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["file"]);
      }),
  );

  await t.step("ends when it is given up", () =>
    inFolder(async (folder) => {
      const signal = AbortSignal.abort(new Error("enough"));
      const content: LayerContent = { kind: "entries", entries: [], disks: [] };
      const options = { blob: `${folder}/b`, disk: `${folder}/d`, doing: "x", signal };
      await assert.rejects(makeLayer({ content, compression: "gzip", ...options }), /enough/);
      assert.deepEqual([...Deno.readDirSync(folder)], []);
    }));
});
