import assert from "node:assert/strict";
import fc from "fast-check";
import { isCtrError } from "../core/mod.ts";
import { lint } from "./lint/lint.ts";
import { outline, targets } from "./outline.ts";
import { parseDockerfile } from "./parse.ts";

function parse(text: string) {
  return parseDockerfile(text, { name: "Dockerfile" });
}

/** Pieces that Dockerfiles are made of, put together as nobody would. */
const PIECES = [
  "FROM",
  " a",
  " AS b",
  "\n",
  "\r\n",
  "\\\n",
  "`",
  "# escape=`\n",
  "RUN ",
  "COPY ",
  "<<EOF",
  "<<-'E'",
  "EOF",
  "\nEOF\n",
  "ENV ",
  "a=b",
  '"',
  "'",
  "$",
  "${",
  "}",
  ":-",
  "--mount=type=cache,target=/x",
  "--from=",
  "ONBUILD ",
  "HEALTHCHECK ",
  "CMD ",
  "[",
  "]",
  '["a"]',
  ",",
  "=",
  "#",
  "\t",
  "é😀",
  "\0",
  "\uFEFF",
  "ARG ",
  "LABEL ",
  "--",
  "SHELL ",
];

Deno.test("the parser ends, and throws nothing but a CtrError", () => {
  const text = fc.array(fc.constantFrom(...PIECES), { maxLength: 40 })
    .map((pieces) => `FROM x\n${pieces.join("")}`);
  fc.assert(
    fc.property(fc.oneof(text, fc.string()), (source) => {
      try {
        const dockerfile = parse(source);
        lint(dockerfile, { baseVariables: () => [] });
        outline(dockerfile);
        targets(dockerfile);
        const lines = source.split("\n").length;
        for (const { instructions } of dockerfile.stages) {
          for (const { range } of instructions) {
            assert(range.start.line >= 1 && range.start.column >= 1);
            assert(range.start.line <= range.end.line && range.end.line <= lines);
          }
        }
      } catch (error) {
        if (!isCtrError(error)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});

Deno.test("a large file takes its time once", () => {
  const began = performance.now();
  const run = `${"RUN a \\\n".repeat(20_000)}b`;
  const copy = `COPY <<E /\n${"z\n".repeat(50_000)}E`;
  const { stages } = parse(["FROM scratch", run, "ENV x=y", copy].join("\n"));
  assert.equal(stages[0]!.instructions.length, 3);
  assert.throws(() => parse(`FROM a\n${"FROM b\n".repeat(1001)}`), /more than 1000 stages/);
  assert(performance.now() - began < 5000);
});

Deno.test("lints take their time once, whatever the file is like", () => {
  const many = (count: number, line: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => line(n)).join("\n");
  const files = [
    `FROM a\n${many(20_000, (n) => `ENV V${n}=1`)}\n${many(20_000, (n) => `USER $W${n}`)}`,
    many(900, (n) => `FROM ${n === 0 ? "a" : `s${n - 1}`} AS s${n}\nWORKDIR a\nCMD a`),
  ];
  const began = performance.now();
  for (const file of files) {
    const dockerfile = parse(file);
    assert(lint(dockerfile, { baseVariables: () => [] }).findings.length >= 1000);
    outline(dockerfile);
  }
  assert(performance.now() - began < 10_000);
});
