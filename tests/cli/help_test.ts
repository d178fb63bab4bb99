import type { Command } from "commander";
import { createApp } from "../../src/cli/app.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { assertEquals } from "./assert.ts";
import { runCtr } from "./ctr.ts";
import { assertGolden } from "./golden.ts";

function* commands(command: Command, words: string[]): Generator<[string[], Command]> {
  yield [words, command];
  for (const child of command.commands) yield* commands(child, [...words, child.name()]);
}

Deno.test("help of every command", async (t) => {
  const program = buildProgram(createApp());
  for (const [words, command] of commands(program, ["ctr"])) {
    await t.step(
      words.join(" "),
      () => assertGolden(command.helpInformation(), `help/${words.join("_")}.txt`),
    );
  }
});

Deno.test("help, --help and no words at all print the same", async () => {
  const outputs = await Promise.all([[], ["help"], ["--help"]].map((args) => runCtr("/x", args)));
  assertEquals(new Set(outputs.map((each) => JSON.stringify(each))).size, 1);
  const pull = await runCtr("/x", ["help", "i", "pull"]);
  assertEquals(pull, await runCtr("/x", ["image", "pull", "--help"]));
});
