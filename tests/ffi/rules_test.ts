/**
 * The stand-in is as strict as the framework: what is a trap or an exception there is one here. Else the shim's tests
 * would prove little.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FFI } from "./facts.ts";
import { built } from "./shim.ts";

const SOURCE = new URL("rules/rules.m", import.meta.url).pathname;

/** A rule, how the program ends, and what it says. */
const RULES: readonly (readonly [string, "SIGABRT" | null, RegExp])[] = [
  ["on-queue", null, /^state 0$/m],
  ["off-queue", "SIGABRT", /^trap: used off its queue/m],
  ["devices-off-queue", "SIGABRT", /^trap: used off its queue/m],
  ["own-queue", "SIGABRT", /^trap: dispatch_sync onto the own queue/m],
  ["bad-enum", null, /^raised no such mode/m],
  ["copied", null, /^valid 0\nstate 4$/m],
];

Deno.test("the stand-in keeps the framework's rules", async (t) => {
  const library = await built("standin");
  const program = await Deno.makeTempFile({ prefix: "ctr-rules-" });
  try {
    await compile(program);
    for (const [rule, signal, says] of RULES) {
      await t.step(rule, async () => {
        const run = await new Deno.Command(program, { args: [library, rule, SOURCE] }).output();
        const text = [run.stdout, run.stderr].map((each) => new TextDecoder().decode(each)).join(
          "",
        );
        assert.match(text, says);
        assert.equal(run.signal, signal);
      });
    }
  } finally {
    await Deno.remove(program);
  }
});

async function compile(program: string): Promise<void> {
  const run = await new Deno.Command("sh", {
    args: ["-c", COMPILE, "sh", SOURCE, program],
    cwd: FFI,
  }).output();
  assert(run.success, new TextDecoder().decode(run.stderr));
}

/** As `ffi/build` compiles the stand-in; what is called is looked up by name when it runs. */
const COMPILE = `
gcc=$(dirname "$(gcc -print-libgcc-file-name)")
clang-19 -fblocks -fexceptions -D_GNU_SOURCE -pthread -fobjc-runtime=gcc -fobjc-exceptions -D_NATIVE_OBJC_EXCEPTIONS \\
  -fconstant-string-class=NSConstantString -DGNUSTEP -DGNUSTEP_BASE_LIBRARY=1 -DGNU_RUNTIME=1 -I standin/include \\
  -isystem declared/apple -isystem /usr/include/GNUstep -idirafter "$gcc/include" -include standin/include/root.h \\
  -Wno-unused-value -o "$2" "$1" standin/blocks.m -L "$gcc" -lgnustep-base -lobjc -pthread -ldl`;
