import assert from "node:assert/strict";
import { outline, targets } from "../outline.ts";
import { parseDockerfile } from "../parse.ts";
import { lint } from "./lint.ts";

function parse(text: string) {
  return parseDockerfile(text, { name: "Dockerfile" });
}

const CHECKED: [text: string, ...rules: string[]][] = [
  ["FROM a\nRUN b"],
  ["FROM a AS B", "StageNameCasing"],
  ["FROM a as b", "FromAsCasing"],
  ["FROM a\nRUN b \\\n\n  c", "NoEmptyContinuation"],
  ["FROM a\nRUN b\nrun c\nRuN d", "ConsistentInstructionCasing", "ConsistentInstructionCasing"],
  ["FROM a AS b\nFROM c AS b", "DuplicateStageName"],
  ["FROM a AS scratch", "ReservedStageName"],
  ["FROM a\nCMD b\nENTRYPOINT c", "JSONArgsRecommended", "JSONArgsRecommended"],
  ['FROM a\nSHELL ["b"]\nCMD c'],
  ["FROM a\nMAINTAINER b", "MaintainerDeprecated"],
  ["ARG VERSION=1\nFROM a:$VERSIN", "UndefinedArgInFrom", "InvalidDefaultArgInFrom"],
  ["ARG TAG\nFROM a:$TAG", "InvalidDefaultArgInFrom"],
  ["ARG TAG=1\nFROM a:$TAG"],
  ["FROM a\nWORKDIR b", "WorkdirRelativePath"],
  ["FROM a AS x\nWORKDIR /b\nFROM x\nWORKDIR c"],
  ["FROM a\nENV x=1\nWORKDIR /$y$x", "UndefinedVar"],
  ["FROM a\nARG x\nWORKDIR /$x${y:-1}$BASE$PATH$http_proxy"],
  ["FROM unknown\nWORKDIR /$y"],
  ["FROM a\nCMD []\nCMD []", "MultipleInstructionsDisallowed"],
  ["FROM a\nENV b c\nLABEL d e", "LegacyKeyValueFormat", "LegacyKeyValueFormat"],
  ["FROM --platform=$TARGETPLATFORM a", "RedundantTargetPlatform"],
  ["FROM --platform=linux/amd64 a", "FromPlatformFlagConstDisallowed"],
  ["FROM --platform=linux/amd64 a AS b-amd64"],
  [
    "FROM a\nARG DB_PASSWORD\nENV PUBLIC_KEY=1 token=2",
    "SecretsUsedInArgOrEnv",
    "SecretsUsedInArgOrEnv",
  ],
  ["FROM a\nEXPOSE 80/TCP", "ExposeProtoCasing"],
  ["FROM a\nEXPOSE 80:80", "ExposeInvalidFormat"],
  ["# check=skip=all\nFROM a AS B"],
  ["# check=skip=StageNameCasing\nFROM a AS B"],
  ["# check=experimental=all\n\n# other\nFROM a AS b", "InvalidDefinitionDescription"],
];

Deno.test("lint()", async (t) => {
  for (const [text, ...rules] of CHECKED) {
    await t.step(`${JSON.stringify(text)}: ${rules.join(", ") || "nothing"}`, () => {
      const baseVariables = ({ base }: { base: string }) => base === "a" ? ["BASE"] : undefined;
      const { findings } = lint(parse(text), { baseVariables });
      assert.deepEqual(findings.map(({ rule }) => rule), rules);
    });
  }
  await t.step("says it in Docker's words", () => {
    const [found] = lint(parse("ARG VERSION\nFROM a:$VERSIN")).findings;
    assert.equal(found!.message, "FROM argument 'VERSIN' is not declared (did you mean VERSION?)");
    assert.equal(found!.url, "https://docs.docker.com/go/dockerfile/rule/undefined-arg-in-from/");
  });
  await t.step("an argument goes before the file's directive", () => {
    const dockerfile = parse("# check=error=true\nFROM a AS B");
    assert.equal(lint(dockerfile).error, true);
    const buildArgs = { BUILDKIT_DOCKERFILE_CHECK: "skip=all" };
    assert.deepEqual(lint(dockerfile, { buildArgs }), { findings: [], error: false });
  });
});

const DESCRIBED = `
# VERSION of the base
ARG VERSION=1
# one builds
FROM a:$VERSION AS one
ARG unused=x
RUN --mount=type=secret,id=s --mount=type=cache,target=/c --mount=type=ssh b
FROM scratch AS other
ARG hidden
FROM one AS two
# flavour of it
ARG flavour=$VERSION
COPY --from=one x y
RUN --mount=type=secret,id=s,required z
`;

Deno.test("outline() and targets() tell what a file offers", () => {
  const dockerfile = parse(DESCRIBED);
  const found = outline(dockerfile, { buildArgs: { VERSION: "2" } })!;
  assert.deepEqual(found.args.map(({ name, value, description }) => [name, value, description]), [
    ["VERSION", "2", "of the base"],
    ["unused", "x", undefined],
    ["flavour", "2", "of it"],
  ]);
  assert.deepEqual(found.secrets, [{ id: "s", required: true }]);
  assert.deepEqual(found.ssh, [{ id: "default", required: false }]);
  assert.deepEqual(found.caches, [{ id: "/c" }]);
  assert.equal(outline(dockerfile, { target: "none" }), undefined);
  assert.deepEqual(outline(dockerfile, { target: "other" })!.args.map(({ name }) => name), [
    "VERSION",
    "hidden",
  ]);
  assert.deepEqual(
    targets(dockerfile).map((
      { name, base, description, default: last },
    ) => [name, base, description, last]),
    [
      ["one", "a:1", "builds", false],
      ["other", "scratch", undefined, false],
      ["two", "one", undefined, true],
    ],
  );
});
