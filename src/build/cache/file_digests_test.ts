import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { migrate } from "../../core/mod.ts";
import { stopUnpackWorkers } from "../../unpack/mod.ts";
import { FolderTree } from "../source/folder_tree.ts";
import { FileDigests } from "./file_digests.ts";
import { MIGRATIONS } from "./schema.ts";

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

Deno.test("digests of files are remembered until the files change", async () => {
  const root = await Deno.realPath(await Deno.makeTempDir({ prefix: "ctr-digests-" }));
  const db = new DatabaseSync(":memory:");
  migrate(db, "build", MIGRATIONS);
  const digests = new FileDigests(db);
  const look = async () => {
    using tree = new FolderTree(root);
    const found = await digests.of(tree, tree.children(""), { doing: "cannot look" });
    return [...found].map(([{ path }, digest]) => `${path} ${digest}`);
  };
  const rows = () => Number(db.prepare("SELECT count(*) AS n FROM build_files").get()?.["n"]);
  try {
    await Deno.writeTextFile(`${root}/a`, "one");
    assert.deepEqual(await look(), [`a ${sha256("one")}`]);
    assert.equal(rows(), 0, "what was written just now may be written again at the same time");
    await new Promise((resolve) => setTimeout(resolve, 1300)); // the tick of the file system's clock
    await look();
    assert.equal(rows(), 1);
    db.exec("UPDATE build_files SET digest = zeroblob(32)");
    assert.deepEqual(await look(), [`a ${"0".repeat(64)}`], "it was not read again");
    const { mtime, atime } = await Deno.stat(`${root}/a`);
    await Deno.writeTextFile(`${root}/a`, "two");
    await Deno.utime(`${root}/a`, atime!, mtime!);
    assert.deepEqual(await look(), [`a ${sha256("two")}`], "an old time does not hide a change");
  } finally {
    stopUnpackWorkers();
    db.close();
    await Deno.remove(root, { recursive: true });
  }
});
