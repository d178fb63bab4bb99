import assert from "node:assert/strict";
import fc from "fast-check";
import { expandRaw, expandWord, expandWords } from "./expand.ts";

const VALUES: Readonly<Record<string, string>> = {
  a: "one",
  empty: "",
  path: "/usr/local/lib/libfoo.so.1",
  spaced: "x  y",
  self: "$a",
};
const lookup = (name: string) => VALUES[name];

const WORDS = [
  ["$a", "one"],
  ["${a}b$a", "onebone"],
  ["$nothing.", "."],
  ["${nothing:-x}", "x"],
  ["${empty:-x}", "x"],
  ["${empty-x}", ""],
  ["${nothing-x}", "x"],
  ["${a:+x}", "x"],
  ["${empty:+x}", ""],
  ["${empty+x}", "x"],
  ["${nothing:-${a}}", "one"],
  ["${nothing:-'b c'}", "b c"],
  ["${path#/usr/}", "local/lib/libfoo.so.1"],
  ["${path##*/}", "libfoo.so.1"],
  ["${path%.*}", "/usr/local/lib/libfoo.so"],
  ["${path%%.*}", "/usr/local/lib/libfoo"],
  ["${path%/*}", "/usr/local/lib"],
  ["${path/local/share}", "/usr/share/lib/libfoo.so.1"],
  ["${path//l/L}", "/usr/LocaL/Lib/Libfoo.so.1"],
  ["${path/\\//}", "usr/local/lib/libfoo.so.1"],
  ["${a#\\?}", "one"],
  ["\\$a", "$a"],
  ["'$a'", "$a"],
  ['"$a"', "one"],
  ['"\\$a \\n"', "$a \\n"],
  ["it\\'s", "it's"],
  ["$self", "$a"],
  ["a$", "a$"],
  ["$1x", "x"],
  ["", ""],
] as const;

Deno.test("expandWord()", async (t) => {
  for (const [word, expected] of WORDS) {
    await t.step(`makes "${expected}" of ${word}`, () => {
      assert.equal(expandWord(word, { lookup }), expected);
    });
  }
  await t.step("takes ` for an escape if the file says so", () => {
    assert.equal(expandWord("`$a\\", { lookup, escape: "`" }), "$a\\");
  });
  await t.step("tells what is not set, but not where something else is given", () => {
    const unset: string[] = [];
    expandWord("$x ${y:-1} ${z} $a", { lookup, onUnset: (name) => unset.push(name) });
    assert.deepEqual(unset, ["x", "z"]);
  });
});

const WRONG = [
  ["${a", 'a "}" is missing behind "${"'],
  ["${", 'a "}" is missing behind "${"'],
  ["${}", '"${}" is not the beginning of a variable'],
  ["${nothing:?say it}", "nothing: say it"],
  ["${nothing?}", "nothing: is not allowed to be unset"],
  ["${empty:?}", "empty: is not allowed to be empty"],
  ["${a^}", '"${a^" has a modifier that does not exist'],
  ["${a:-x", 'a "}" is missing'],
  ["'a", "a single quote (') is not closed"],
  ['"a', 'a double quote (") is not closed'],
  ["${a#\\x}", 'the pattern "\\x" has an escape that means nothing: \\x'],
] as const;

Deno.test("expandWord() refuses", async (t) => {
  for (const [word, message] of WRONG) {
    await t.step(word, () => {
      assert.throws(() => expandWord(word, { lookup }), { name: "CtrError", message });
    });
  }
  await t.step("nesting without end", () => {
    assert.throws(() => expandWord("${x:-".repeat(5000), { lookup }), /nested too deeply/);
  });
  await t.step("what grows without end", () => {
    const big = "y".repeat(600_000);
    assert.throws(() => expandWord("$b$b", { lookup: () => big }), { code: "too-large" });
  });
  await t.step("patterns that would take for ever", () => {
    const value = "a".repeat(20_000);
    const began = performance.now();
    const pattern = `${"*a".repeat(50)}b`;
    assert.equal(expandWord(`\${x//${pattern}/c}`, { lookup: () => value }), value);
    assert.throws(() => expandWord(`\${x//${"*a".repeat(5000)}/c}`, { lookup: () => value }), {
      code: "too-large",
    });
    assert(performance.now() - began < 5000);
  });
});

Deno.test("expandWords() cuts at white space that is not quoted", () => {
  const words = (text: string) => expandWords(text, { lookup });
  assert.deepEqual(words("$spaced z"), ["x", "y", "z"]);
  assert.deepEqual(words('"$spaced" z'), ["x  y", "z"]);
  assert.deepEqual(words("a\\ b ' c'"), ["a b", " c"]);
  assert.deepEqual(words("$nothing"), []);
});

Deno.test("expandRaw() leaves quotes alone", () => {
  assert.equal(expandRaw(`say "$a" 'and' \\$a\n`, { lookup }), `say "one" 'and' $a\n`);
});

/** A shell that many people trust says what a modifier gives. */
Deno.test("modifiers give what bash gives", async () => {
  const letters = fc.stringMatching(/^[ab/]{0,8}$/);
  const pattern = fc.stringMatching(/^[ab*?]{1,5}$/);
  const operator = fc.constantFrom("#", "##", "%", "%%", "/", "//");
  const cases = fc.sample(fc.tuple(letters, pattern, operator), { numRuns: 400, seed: 7 });
  const words = cases.map(([value, pattern, operator]) => ({
    value,
    word: `\${x${operator}${pattern}${operator.startsWith("/") ? "/c" : ""}}`,
  }));
  const script = words.map(({ value, word }) => `x='${value}'; printf '%s\\n' "${word}"`);
  const { stdout } = await new Deno.Command("bash", { args: ["-c", script.join("\n")] }).output();
  const said = new TextDecoder().decode(stdout).split("\n");
  for (const [index, { value, word }] of words.entries()) {
    const ours = expandWord(word, { lookup: () => value });
    assert.equal(ours, said[index], `x='${value}' ${word}`);
  }
});

Deno.test("expansion never throws anything but a CtrError", () => {
  const text = fc.stringMatching(/^[a${}:\-+?#%/*\\'"` ]{0,40}$/);
  fc.assert(fc.property(text, (word) => {
    try {
      expandWords(word, { lookup });
    } catch (error) {
      assert.equal((error as Error).name, "CtrError");
    }
  }));
});
