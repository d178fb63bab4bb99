import assert from "node:assert/strict";
import { BuildAnswer, BuildRequest } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { parseDockerfile } from "../dockerfile/mod.ts";
import type { ImageObject } from "../image/mod.ts";
import { answer, type Asked, refuseFindings, warnings } from "./answer.ts";

const AMD64 = { os: "linux", architecture: "amd64" };

/** A store in which there is one image, `here`, that sets BASE. */
function asked(text: string, request: Partial<BuildRequest> = {}): Asked {
  const inspect = (reference: string) => {
    if (reference !== "here:1") throw new CtrError("not-found", "no such image");
    const config = { config: { Env: ["PATH=/bin", "BASE=x=y"] } };
    return Promise.resolve({ variants: [{ platform: AMD64, config }] } as unknown as ImageObject);
  };
  const dockerfile = { kind: "text", name: "Dockerfile", text } as const;
  return {
    dockerfile: parseDockerfile(text, { name: "Dockerfile" }),
    request: BuildRequest.parse({ context: { kind: "none" }, dockerfile, ...request }),
    images: { inspect },
    host: AMD64,
    target: AMD64,
  };
}

async function rules(text: string, request: Partial<BuildRequest> = {}) {
  const found = await warnings(asked(text, request));
  return found.map(({ rule, message }) => rule ?? message);
}

Deno.test("variables are undefined where it is known what the base image sets", async () => {
  assert.deepEqual(await rules("ARG V=1\nFROM here:$V\nUSER $BASE$NOT"), ["UndefinedVar"]);
  assert.deepEqual(await rules("FROM elsewhere\nUSER $NOT"), []);
  const contexts = { here: { kind: "target" as const, stage: "x" } };
  assert.deepEqual(await rules("FROM here:1\nUSER $NOT", { contexts }), []);
});

Deno.test("an argument that nobody asks for is told", async () => {
  const buildArgs = { USED: "1", LATER: "1", MORE: "1", http_proxy: "x", SOURCE_DATE_EPOCH: "0" };
  const text = "FROM elsewhere\nARG USED\nONBUILD ARG LATER";
  assert.deepEqual(await rules(text, { buildArgs }), ['no ARG asks for --build-arg "MORE"']);
});

Deno.test("findings are errors where the file says so", async () => {
  await refuseFindings(asked("FROM elsewhere AS B"));
  await refuseFindings(asked("# check=error=true\nFROM elsewhere AS b"));
  await assert.rejects(refuseFindings(asked("# check=error=true\nFROM elsewhere AS B")), {
    code: "bad-data",
    message: 'cannot build "Dockerfile": it breaks StageNameCasing',
    hint: "Dockerfile:2: Stage name 'B' should be lowercase",
  });
});

Deno.test("answers fit their schema", async (t) => {
  const text = "# a first\nFROM here:1 AS a\n# X of it\nARG X=1\nARG Y\nFROM a AS B\n" +
    "RUN --mount=type=secret,id=s,required --mount=type=ssh x";
  const ask = async (call: "check" | "outline" | "targets") =>
    BuildAnswer.parse(await answer(call, asked(text)));
  await t.step("check", async () => {
    const found = await ask("check");
    assert(found.call === "check" && found.findings.length === 1);
    assert.deepEqual(found.findings[0]!.place, {
      file: "Dockerfile",
      line: 6,
      column: 1,
      endLine: 6,
      endColumn: 12,
    });
  });
  await t.step("targets", async () => {
    const found = await ask("targets");
    assert(found.call === "targets");
    const names = found.targets.map(({ name, base, description }) => [name, base, description]);
    assert.deepEqual(names, [["a", "here:1", "first"], ["b", "a", undefined]]);
  });
  await t.step("outline", async () => {
    const found = await ask("outline");
    assert(found.call === "outline");
    const { args, secrets, ssh } = found.outline;
    assert.deepEqual(args.map(({ name, value }) => [name, value]), [["X", "1"], ["Y", undefined]]);
    assert.deepEqual([secrets, ssh], [[{ id: "s", required: true }], [
      { id: "default", required: false },
    ]]);
  });
  await t.step("a target that is not there", async () => {
    await assert.rejects(answer("outline", asked(text, { target: "no" })), { code: "not-found" });
  });
});
