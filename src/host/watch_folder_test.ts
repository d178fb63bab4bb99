import assert from "node:assert/strict";
import { join } from "node:path";
import { IN } from "./inotify.ts";
import { mergeChanges } from "./merge_changes.ts";
import { type FolderChange, watchFolder } from "./watch_folder.ts";

Deno.test("watchFolder()", async (t) => {
  const root = await Deno.makeTempDir();
  await Deno.mkdir(join(root, "a/b"), { recursive: true });
  await Deno.writeTextFile(join(root, "a/b/old"), "1");
  const seen = new Changes();
  const limits: string[] = [];
  const options = {
    maxFolders: 100,
    onChanges: seen.add,
    onLimit: (why: string) => void limits.push(why),
  };
  const watch = await watchFolder(root, options);

  await t.step("tells of a file that is made, written and closed", async () => {
    await Deno.writeTextFile(join(root, "a/new"), "text");
    await seen.until("written a/new");
    assert.deepEqual(seen.take(), ["create a/new", "modify a/new", "written a/new"]);
  });
  await t.step("joins the halves of a rename", async () => {
    await Deno.rename(join(root, "a/new"), join(root, "a/b/moved"));
    await seen.until("rename a/new>a/b/moved");
    assert.deepEqual(seen.take(), ["rename a/new>a/b/moved"]);
  });
  await t.step("tells of modes and of what is removed", async () => {
    await Deno.chmod(join(root, "a/b/old"), 0o600);
    await Deno.remove(join(root, "a/b/moved"));
    await seen.until("delete a/b/moved");
    assert.deepEqual(seen.take(), ["attributes a/b/old", "delete a/b/moved"]);
  });
  await t.step("looks through folders that come with what is in them", async () => {
    await Deno.mkdir(join(root, "c/d/e"), { recursive: true });
    await Deno.writeTextFile(join(root, "c/d/e/deep"), "");
    await seen.until("create c/d/e/deep");
    const created = seen.take().filter((each) => each.startsWith("create"));
    assert.deepEqual(created.slice(0, 4), [
      "create c/",
      "create c/d/",
      "create c/d/e/",
      "create c/d/e/deep",
    ]);
  });
  await t.step("knows a folder under its new name", async () => {
    await Deno.rename(join(root, "c"), join(root, "f"));
    await seen.until("rename c>f/");
    seen.take();
    await Deno.writeTextFile(join(root, "f/d/e/deep"), "more");
    await seen.until("written f/d/e/deep");
    seen.take();
  });
  await t.step("takes a file that leaves for removed, and one that comes for made", async () => {
    const outside = await Deno.makeTempDir();
    await Deno.rename(join(root, "a/b/old"), join(outside, "old"));
    await seen.until("delete a/b/old");
    await Deno.rename(join(outside, "old"), join(root, "back"));
    await seen.until("create back");
    await Deno.remove(outside);
    seen.take();
  });
  watch.close();

  await t.step("watches a single file", async () => {
    const file = join(root, "back");
    const watch = await watchFolder(file, options);
    await Deno.writeTextFile(file, "again");
    await seen.until("written back");
    watch.close();
    seen.take();
  });
  await t.step("says that there are too many folders, once", async () => {
    const watch = await watchFolder(root, { ...options, maxFolders: 2 });
    watch.close();
    assert.deepEqual(limits, ["more than 2 folders"]);
  });
  await Deno.remove(root, { recursive: true });
});

Deno.test("mergeChanges() tells once what was told again, but not across a change of names", () => {
  const of = (mask: number, path: string, cookie = 0) => ({ mask, cookie, path });
  const merged = mergeChanges([
    of(IN.CREATE, "x"),
    of(IN.MODIFY, "x"),
    of(IN.MODIFY, "y"),
    of(IN.MODIFY, "x"),
    of(IN.DELETE, "x"),
    of(IN.CREATE, "x"),
    of(IN.MODIFY, "x"),
    of(IN.MOVED_FROM, "x", 7),
    of(IN.MOVED_TO, "z", 7),
  ]);
  assert.deepEqual(merged.map(line), [
    "create x",
    "modify x",
    "modify y",
    "delete x",
    "create x",
    "modify x",
    "rename x>z",
  ]);
});

function line({ kind, path, to, folder }: FolderChange): string {
  return `${kind} ${path}${to === undefined ? "" : `>${to}`}${folder ? "/" : ""}`;
}

class Changes {
  #lines: string[] = [];
  #changed = Promise.withResolvers<void>();

  add = (changes: readonly FolderChange[]): void => {
    this.#lines.push(...changes.map(line));
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  };

  async until(wanted: string): Promise<void> {
    while (!this.#lines.includes(wanted)) await this.#changed.promise;
  }

  take(): string[] {
    return this.#lines.splice(0);
  }
}
