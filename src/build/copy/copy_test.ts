import assert from "node:assert/strict";
import { compileIgnore, type IgnoreMatcher } from "../../dockerfile/mod.ts";
import { isCtrError } from "../../core/mod.ts";
import { FolderTree } from "../source/folder_tree.ts";
import { TextTree } from "../source/text_tree.ts";
import { LayerPlan, type PlaceOptions } from "./place.ts";
import { select } from "./select.ts";
import { selectionDigest } from "./selection_digest.ts";

type Files = Readonly<Record<string, string | { readonly to: string }>>;

async function inFolder(files: Files, work: (path: string) => Promise<void> | void): Promise<void> {
  const root = await Deno.realPath(await Deno.makeTempDir({ prefix: "ctr-copy-" }));
  try {
    for (const [path, content] of Object.entries(files)) {
      const full = `${root}/${path}`;
      await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
      if (typeof content === "string") await Deno.writeTextFile(full, content);
      else await Deno.symlink(content.to, full);
    }
    await work(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const PLACE: PlaceOptions = {
  destination: "/",
  owner: undefined,
  chmod: undefined,
  mtime: undefined,
  newMtime: 0,
  replace: false,
  diskOffset: 0,
};

/** What is put where: paths, with a slash behind directories. */
function copied(
  root: string,
  sources: readonly string[],
  destination: string,
  { parents = false, exclude, ignore }: {
    parents?: boolean;
    exclude?: IgnoreMatcher;
    ignore?: IgnoreMatcher;
  } = {},
): string[] {
  using tree = new FolderTree(root, { ignore });
  using nothing = new TextTree([]);
  const items = select(tree, sources, { parents, exclude, where: "the context" });
  const plan = new LayerPlan(nothing);
  plan.place(items, { ...PLACE, destination });
  return plan.entries().map(({ path, type }) => type === "directory" ? `${path}/` : path);
}

const FILES: Files = {
  "a.txt": "a",
  "b.txt": "b",
  "dir/c.txt": "c",
  "dir/sub/d.txt": "d",
  "dir/sub/e.md": "e",
};

Deno.test("COPY puts things where Docker puts them", async (t) => {
  await inFolder(FILES, async (root) => {
    const cases: [string, string[], string, string[], Parameters<typeof copied>[3]?][] = [
      ["a file to a name", ["a.txt"], "/x/y", ["x/", "x/y"]],
      ["a file into a folder", ["a.txt"], "/x/", ["x/", "x/a.txt"]],
      ["what a folder holds", ["dir"], "/x", [
        "x/",
        "x/c.txt",
        "x/sub/",
        "x/sub/d.txt",
        "x/sub/e.md",
      ]],
      ["by a pattern", ["*.txt"], "/x/", ["x/", "x/a.txt", "x/b.txt"]],
      ["by a pattern of a folder", ["d*/s?b/[d-e].txt"], "/x/", ["x/", "x/d.txt"]],
      ["nothing by a pattern that meets nothing", ["*.none"], "/x/", []],
      ["dots and slashes", ["./dir//sub/../c.txt"], "/x/", ["x/", "x/c.txt"]],
      ["never above the root", ["../../a.txt"], "/x/", ["x/", "x/a.txt"]],
      ["without what is excluded", ["dir"], "/x/", ["x/", "x/c.txt", "x/sub/", "x/sub/e.md"], {
        exclude: compileIgnore(["**/d.txt"]),
      }],
      [
        "with parents",
        ["dir/sub/d.txt"],
        "/x/",
        ["x/", "x/dir/", "x/dir/sub/", "x/dir/sub/d.txt"],
        {
          parents: true,
        },
      ],
      ["with parents from a pivot", ["dir/./sub/*.md"], "/x/", ["x/", "x/sub/", "x/sub/e.md"], {
        parents: true,
      }],
      ["without what is ignored, but for exceptions", ["."], "/", ["b.txt", "dir/", "dir/c.txt"], {
        ignore: compileIgnore(["*", "!b.txt", "!dir/c.txt"]),
      }],
    ];
    for (const [name, sources, destination, expected, options] of cases) {
      await t.step(name, () => {
        assert.deepEqual(copied(root, sources, destination, options), expected);
      });
    }
    await t.step("a source that is not there is an error", () => {
      assert.throws(() => copied(root, ["none"], "/"), (error) => isCtrError(error, "not-found"));
    });
  });
});

Deno.test("links lead nowhere but into the context", async (t) => {
  const files: Files = {
    ...FILES,
    "out": { to: "/etc" },
    "up": { to: "../../../../etc/passwd" },
    "in": { to: "dir/sub" },
    "root": { to: "/dir" },
    "loop": { to: "loop" },
    "deep/link": { to: "../../../etc" },
  };
  await inFolder(files, async (root) => {
    for (const source of ["out/passwd", "up", "deep/link/passwd", "out/pass*"]) {
      await t.step(source, () => {
        const names = (() => {
          try {
            return copied(root, [source], "/x/");
          } catch (error) {
            assert.ok(isCtrError(error, "not-found"));
            return [];
          }
        })();
        assert.deepEqual(names, []);
      });
    }
    await t.step("a link at the end and on the way is followed within", () => {
      assert.deepEqual(copied(root, ["in/d.txt", "root/c.txt"], "/x/"), [
        "x/",
        "x/d.txt",
        "x/c.txt",
      ]);
    });
    await t.step("links that are met on the way down stay links", () => {
      assert.ok(copied(root, ["."], "/x/").includes("x/out"));
    });
    await t.step("a circle ends", () => {
      assert.throws(() => copied(root, ["loop"], "/"), (error) => isCtrError(error, "bad-data"));
    });
  });
});

Deno.test("a layer follows the stage's links, and replaces no folder by a file", async () => {
  const stage: Files = { "real/here": "", "link": { to: "real" }, "file": "" };
  await inFolder(stage, (root) => {
    using tree = new FolderTree(root);
    using source = new TextTree([{ name: "new", content: "x" }]);
    const items = select(source, ["new"], { parents: false, exclude: undefined, where: "it" });
    const placed = (destination: string) => {
      const plan = new LayerPlan(tree);
      plan.place(items, { ...PLACE, destination });
      return plan.entries().map(({ path }) => path);
    };
    assert.deepEqual(placed("/link/"), ["real", "real/new"]);
    assert.deepEqual(placed("/link"), ["real", "real/new"]);
    assert.deepEqual(placed("/link/../link/here"), ["real", "real/here"]);
    assert.throws(() => placed("/file/"), (error) => isCtrError(error, "bad-data"));
    assert.throws(() => placed("/.wh.x"), (error) => isCtrError(error, "unsupported"));
  });
});

Deno.test("a selection's digest counts names, modes and contents, not times", async () => {
  await inFolder({ "d/a": "1", "d/b": "2" }, async (root) => {
    const digest = (content: string) => {
      using tree = new FolderTree(root);
      const items = select(tree, ["d"], { parents: false, exclude: undefined, where: "it" });
      const nodes = items.flatMap(({ entries }) => entries.map(({ node }) => node));
      return selectionDigest(items, new Map(nodes.map((node) => [node, content])));
    };
    const first = digest("x");
    await Deno.utime(`${root}/d/a`, 1, 1);
    assert.equal(digest("x"), first);
    assert.notEqual(digest("y"), first);
    await Deno.chmod(`${root}/d/a`, 0o700);
    const other = digest("x");
    assert.notEqual(other, first);
    await Deno.rename(`${root}/d/b`, `${root}/d/c`);
    assert.notEqual(digest("x"), other);
  });
});
