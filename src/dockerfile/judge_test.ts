import assert from "node:assert/strict";
import { DockerfileParser } from "dockerfile-ast";
import { parseDockerfile } from "./parse.ts";

const CORPUS = new URL("../../tests/build/corpus/", import.meta.url);

/** Where the library goes on behind a doubled escape character, as Docker does not. */
const READS_OTHERWISE = /(^|[^\\])\\\\+[ \t]*$/m;

/** Keyword, first and last line of each instruction. */
type Instruction = readonly [keyword: string, first: number, last: number];

function ours(text: string): Instruction[] {
  const { globalArgs, stages } = parseDockerfile(text, { name: "Dockerfile" });
  const all = [
    ...globalArgs,
    ...stages.flatMap((stage) => [{ ...stage, keyword: "FROM" }, ...stage.instructions]),
  ];
  return all.map(({ keyword, range }) => [keyword, range.start.line, range.end.line]);
}

function theirs(text: string): Instruction[] {
  return DockerfileParser.parse(text).getInstructions().map((instruction) => {
    const { start, end } = instruction.getRange();
    return [instruction.getKeyword().toUpperCase(), start.line + 1, end.line + 1];
  });
}

Deno.test("another reader finds the same instructions at the same lines", async (t) => {
  let read = 0;
  for await (const { name } of Deno.readDir(CORPUS)) {
    if (!name.endsWith("Dockerfile")) continue;
    const text = await Deno.readTextFile(new URL(name, CORPUS));
    if (READS_OTHERWISE.test(text)) continue;
    await t.step(name, () => assert.deepEqual(ours(text), theirs(text)));
    read++;
  }
  assert(read >= 40, `only ${read} Dockerfiles were read`);
});
