import assert from "node:assert/strict";
import { ABI, SYMBOLS } from "./symbols.ts";

const HEADER = new URL("../../../ffi/ctrvz.h", import.meta.url);

/** How a type of the header is passed. */
const TYPES: readonly (readonly [RegExp, string])[] = [
  [/^uint32_t$/, "u32"],
  [/^uint64_t$/, "u64"],
  [/^int32_t$/, "i32"],
  [/^void$/, "void"],
  [/\*\*?$/, "buffer"],
];

function passed(type: string): string {
  const clean = type.replace(/\bconst\b/g, "").replace(/\s*\b(?!u?int\d+_t|void|char)\w+$/, "")
    .trim();
  const [, name] = TYPES.find(([pattern]) => pattern.test(clean)) ?? [];
  assert(name !== undefined, `a type that no call here has: "${type}"`);
  return name;
}

/** `char *f(uint32_t a)` of the header as the table's row. */
function rows(text: string) {
  const found: Record<string, { parameters: string[]; result: string }> = {};
  for (
    const [, result, name, list] of text.matchAll(/CTRVZ_EXPORT ([\w ]+?[ *]+)(\w+)\(([^)]*)\);/g)
  ) {
    const parameters = list === "void" ? [] : list!.split(",").map((each) => passed(each.trim()));
    const given = passed(result!.trim());
    // What is borrowed is a buffer, what is returned or given back a pointer.
    found[name!] = {
      parameters: name === "ctrvz_free" ? ["pointer"] : parameters,
      result: given === "buffer" ? "pointer" : given,
    };
  }
  return found;
}

Deno.test("the table of symbols says what the header says", async (t) => {
  const text = await Deno.readTextFile(HEADER);
  const header = rows(text);
  await t.step("the same functions", () => {
    assert.deepEqual(Object.keys(SYMBOLS).toSorted(), Object.keys(header).toSorted());
  });
  for (const [name, { parameters, result }] of Object.entries(SYMBOLS)) {
    await t.step(`${name}: types`, () => assert.deepEqual({ parameters, result }, header[name]));
  }
  await t.step("what waits does not hold up JavaScript", () => {
    const bodies = text.split("CTRVZ_EXPORT");
    const waiting = bodies.flatMap((body, at) => {
      const comment = body.slice(body.indexOf(";") + 1);
      const next = bodies[at + 1]?.match(/(\w+)\(/)?.[1];
      return /\bWaits\.|secret/.test(comment) && next ? [next] : [];
    });
    assert(waiting.length > 5);
    for (const name of waiting) {
      const row: Deno.ForeignFunction = SYMBOLS[name as keyof typeof SYMBOLS];
      assert.equal(row.nonblocking, true, name);
    }
  });
  await t.step("the same version of the border", () => {
    assert.match(text, new RegExp(`// ${ABI}\\. Grows when`));
  });
});
