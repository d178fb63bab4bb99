import assert from "node:assert/strict";
import { isCtrError } from "../core/mod.ts";
import { extractDisks, type LayerEntry, makeLayer, stopUnpackWorkers } from "./mod.ts";

const ENTRY = { mode: 0o755, uid: 7, gid: 7, size: 0, mtime: 1000 };

function file(path: string, text: string, mode = 0o644): LayerEntry {
  const bytes = new TextEncoder().encode(text);
  const content = { from: "bytes", bytes } as const;
  return { ...ENTRY, path, type: "file", mode, size: bytes.length, content };
}

async function disk(path: string, entries: readonly LayerEntry[]): Promise<string> {
  const content = { kind: "entries", entries, disks: [] } as const;
  await makeLayer({
    content,
    blob: `${path}.blob`,
    disk: path,
    compression: "none",
    doing: "make",
  });
  return path;
}

Deno.test("extractDisks() writes what disks show, and nothing outside the folder", async () => {
  const root = await Deno.makeTempDir({ prefix: "ctr-extract-" });
  try {
    const disks = [
      await disk(`${root}/one`, [
        { ...ENTRY, path: "d", type: "directory", mode: 0o750 },
        file("d/kept", "kept", 0o4755),
        file("d/gone", "gone"),
        { ...ENTRY, path: "d/again", type: "hardlink", linkTarget: "d/kept" },
        { ...ENTRY, path: "link", type: "symlink", linkTarget: "/etc" },
        { ...ENTRY, path: "device", type: "char", devMajor: 1, devMinor: 3 },
      ]),
      await disk(`${root}/two`, [
        { ...ENTRY, path: "d", type: "directory", mode: 0o750 },
        { ...ENTRY, path: "d/gone", type: "whiteout" },
      ]),
    ];
    const folder = `${root}/out`;
    await Deno.mkdir(folder);
    await Deno.writeTextFile(`${folder}/there`, "there");
    await Deno.symlink(`${root}/victim`, `${folder}/link`);
    const done = await extractDisks({ disks, folder, doing: "cannot write" });
    assert.equal(done.skipped, 1);
    const names = [...Deno.readDirSync(folder), ...Deno.readDirSync(`${folder}/d`)];
    assert.deepEqual(names.map(({ name }) => name).sort(), ["again", "d", "kept", "link", "there"]);
    assert.equal(await Deno.readTextFile(`${folder}/d/kept`), "kept");
    const kept = await Deno.stat(`${folder}/d/kept`);
    assert.deepEqual([kept.mode! & 0o7777, kept.nlink, kept.uid], [0o755, 2, Deno.uid()]);
    assert.equal((await Deno.stat(`${folder}/d`)).mode! & 0o7777, 0o750);
    assert.equal(await Deno.readLink(`${folder}/link`), "/etc");
    // A folder that is a link is never written through.
    await Deno.mkdir(`${root}/elsewhere`);
    await Deno.mkdir(`${root}/trap`);
    await Deno.symlink(`${root}/elsewhere`, `${root}/trap/d`);
    await assert.rejects(
      extractDisks({ disks, folder: `${root}/trap`, doing: "cannot write" }),
      (error) => isCtrError(error, "conflict"),
    );
    assert.deepEqual([...Deno.readDirSync(`${root}/elsewhere`)], []);
  } finally {
    stopUnpackWorkers();
    await Deno.remove(root, { recursive: true });
  }
});
