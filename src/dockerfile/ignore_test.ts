import assert from "node:assert/strict";
import fc from "fast-check";
import { compileGlob, hasGlob } from "./glob.ts";
import { compileIgnore, parseIgnoreFile } from "./ignore.ts";

Deno.test("compileGlob()", async (t) => {
  const cases: [pattern: string, path: string, matches: boolean][] = [
    ["*.go", "a.go", true],
    ["*.go", "b/a.go", false],
    ["a?c", "abc", true],
    ["a?c", "a/c", false],
    ["[a-c]x", "bx", true],
    ["[^a-c]x", "bx", false],
    ["a[[]0]", "a[0]", true],
    ["\\*", "*", true],
    ["\\*", "a", false],
    ["**/x", "a/b/x", false],
    ["é*", "éa", true],
    ["", "", true],
  ];
  for (const [pattern, path, matches] of cases) {
    await t.step(`"${pattern}" ${matches ? "fits" : "does not fit"} "${path}"`, () => {
      assert.equal(compileGlob(pattern).matches(path), matches);
    });
  }
  await t.step("refuses what is malformed", () => {
    for (const pattern of ["[", "[]", "[a", "[a-", "a\\", "[-a]"]) {
      assert.throws(() => compileGlob(pattern), { name: "CtrError", code: "bad-data" }, pattern);
    }
  });
  await t.step("does not go back and forth for ever", () => {
    const began = performance.now();
    const pattern = `${"**/a".repeat(40)}/b`;
    assert.equal(compileGlob(pattern, { deep: true }).matches("a/".repeat(2000)), false);
    assert.equal(compileGlob("*a".repeat(40)).matches(`${"a".repeat(4000)}b`), false);
    assert(performance.now() - began < 3000);
  });
});

Deno.test("hasGlob() tells a pattern from a path", () => {
  for (const pattern of ["*", "a?", "[a]", "a\\\\*"]) assert(hasGlob(pattern), pattern);
  for (const path of ["a", "a\\*", "\\[a]", "a]"]) assert(!hasGlob(path), path);
});

/** Lines of a .dockerignore, then paths: `-` is left out, `+` is not. */
const FILES: Readonly<Record<string, [lines: string[], paths: string[]]>> = {
  "a folder and all below it": [["node_modules"], [
    "-node_modules",
    "-node_modules/a/b",
    "+a/node_modules",
  ]],
  "slashes around": [["/dist/"], ["-dist", "-dist/x", "+a/dist"]],
  "any depth": [["**/*.log"], ["-a.log", "-a/b/c.log", "-a.log/x", "+log"]],
  "one level": [["*/temp*"], ["-a/temp", "-a/temporary/x", "+temp", "+a/b/temp"]],
  "two levels": [["*/*/temp*"], ["-a/b/temp", "+a/temp"]],
  "exceptions": [["*.md", "!README*.md", "README-secret.md"], [
    "-a.md",
    "+README.md",
    "-README-secret.md",
  ]],
  "the last one counts": [["*.md", "README-secret.md", "!README*.md"], ["+README-secret.md"]],
  "everything but": [["*", "!src"], ["-a", "+src", "+src/a/b", "-.git/config"]],
  "comments, blanks, a mark": [["\uFEFF# x", "", "  a  ", "b # c"], ["-a", "-b # c", "+b"]],
  "dots in the way": [["./a/../b//c"], ["-b/c", "+a"]],
  "a comment begins at the line's beginning": [[" #a"], ["-#a"]],
};

Deno.test("parseIgnoreFile()", async (t) => {
  for (const [name, [lines, paths]] of Object.entries(FILES)) {
    await t.step(name, () => {
      const matcher = parseIgnoreFile(lines.join("\n"), ".dockerignore");
      for (const path of paths) {
        assert.equal(matcher.ignores(path.slice(1)), path.startsWith("-"), path);
      }
    });
  }
  await t.step("says at which line a pattern is malformed", () => {
    assert.throws(() => parseIgnoreFile("a\n[b\n", ".dockerignore"), {
      message: 'cannot build ".dockerignore:2:1": the pattern "[b" is malformed',
    });
    assert.throws(() => parseIgnoreFile("!", "x"), /"!" has no pattern behind it/);
  });
});

Deno.test("a folder is not looked into where nothing can come back", () => {
  const prunes = (...patterns: string[]) => (folder: string) =>
    compileIgnore(patterns).prunes(folder);
  assert(prunes("node_modules")("node_modules"));
  assert(prunes("*", "!src/keep")("lib"));
  assert(!prunes("*", "!src/keep")("src"));
  assert(!prunes("*", "!src/keep")("src/keep"));
  assert(!prunes("*", "!**/keep")("lib"));
  assert(!prunes("a")("b"));
});

Deno.test("a folder that is pruned has nothing in it that is not left out", () => {
  const segment = fc.stringMatching(/^[ab*]{1,2}$/);
  const path = fc.array(fc.constantFrom("a", "b", "ab"), { minLength: 1, maxLength: 4 });
  const pattern = fc.tuple(fc.boolean(), fc.array(segment, { minLength: 1, maxLength: 3 }))
    .map(([back, segments]) => `${back ? "!" : ""}${segments.join("/")}`);
  fc.assert(fc.property(fc.array(pattern, { maxLength: 5 }), path, (patterns, path) => {
    const matcher = compileIgnore(patterns);
    for (let depth = 1; depth < path.length; depth++) {
      if (!matcher.prunes(path.slice(0, depth).join("/"))) continue;
      assert(matcher.ignores(path.join("/")), `${patterns} ${path.join("/")}`);
    }
  }));
});
