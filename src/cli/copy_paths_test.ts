import assert from "node:assert/strict";
import { isCtrError } from "../core/mod.ts";
import { place, readSide, readSource } from "./copy_paths.ts";

Deno.test("readSide() tells a container's path from this machine's", () => {
  const shown = (text: string) => {
    const side = readSide(text);
    return side.kind === "container" ? `${side.container} ${side.path}` : side.kind;
  };
  const cases = ["-", "box:/a", "a.b:/c:d", "/x:/y", "./x:/y", "../x:/y", "a/b:/c", ":/a", "plain"];
  assert.deepEqual(cases.map(shown), [
    "stream",
    "box /a",
    "a.b /c:d",
    ...Array(6).fill("host"),
  ]);
  for (const text of ["box:a", "box:", ""]) {
    assert.throws(() => readSide(text), (error) => isCtrError(error, "usage"));
  }
});

Deno.test("readSource() reads what the end of a path says", () => {
  const { path, name, contentOnly, isFolder } = readSource("/a/b/");
  assert.deepEqual([path, name, contentOnly, isFolder], ["/a/b", "b", false, true]);
  assert.deepEqual(readSource("/a/b").isFolder, false);
  for (const text of ["/a/.", ".", "/", "/a/./"]) assert.equal(readSource(text).contentOnly, true);
  assert.equal(readSource("..").contentOnly, false);
});

const FILE = { ...readSource("/src/file"), folder: false };
const FOLDER = { ...readSource("/src/folder"), folder: true };
const CONTENT = { ...readSource("/src/folder/."), folder: true };

Deno.test("place() puts things where docker cp does", () => {
  const where = (...args: Parameters<typeof place>) => {
    const { folder, name, shown } = place(...args);
    return [folder, name, shown];
  };
  assert.deepEqual(where(FILE, { path: "/d/new", is: "missing" }), ["/d", "new", "/d/new"]);
  assert.deepEqual(where(FILE, { path: "/d", is: "folder" }), ["/d", "file", "/d"]);
  assert.deepEqual(where(FILE, { path: "/d/", is: "folder" }), ["/d/", "file", "/d/file"]);
  assert.deepEqual(where(FILE, { path: "/d/old", is: "file" }), ["/d", "old", "/d/old"]);
  assert.deepEqual(where(FOLDER, { path: "/d/new/", is: "missing" }), ["/d", "new", "/d/new"]);
  assert.deepEqual(where(FOLDER, { path: "/d", is: "folder" }), ["/d", "folder", "/d"]);
  assert.deepEqual(where(CONTENT, { path: "/d", is: "folder" }), ["/d", undefined, "/d"]);
  assert.deepEqual(where(CONTENT, { path: "/d/new", is: "missing" }), [
    "/d/new",
    undefined,
    "/d/new",
  ]);
});

Deno.test("place() refuses what cannot be meant", () => {
  const refused: [typeof FILE, Parameters<typeof place>[1]][] = [
    [FILE, { path: "/d/", is: "missing" }],
    [FILE, { path: "/d/", is: "file" }],
    [FOLDER, { path: "/d", is: "file" }],
    [CONTENT, { path: "/d", is: "file" }],
  ];
  for (const [source, destination] of refused) {
    assert.throws(() => place(source, destination), (error) => isCtrError(error, "usage"));
  }
});
