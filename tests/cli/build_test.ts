import type { BuildEvent } from "../../src/api/mod.ts";
import { assertEquals } from "./assert.ts";
import { BuildHome, DIGEST, result } from "./build_home.ts";
import { assertGolden } from "./golden.ts";

const TIME = 1_767_225_600_000;

function log(id: string, text: string, stream: "stdout" | "stderr" = "stdout"): BuildEvent {
  const data = new TextEncoder().encode(text).toBase64();
  return { kind: "log", id, stream, data, time: TIME + 500 };
}

function step(id: string, title: string, index?: number): BuildEvent {
  const place = index === undefined ? {} : { stage: "build", index, total: 3 };
  return { kind: "step", id, title, time: TIME, ...place };
}

const STEPS: readonly BuildEvent[] = [
  step("context", "load context"),
  { kind: "end", id: "context", ms: 12, time: TIME },
  step("pull", "pull docker.io/library/busybox:latest"),
  {
    kind: "progress",
    id: "pull",
    item: DIGEST,
    phase: "downloading",
    current: 0,
    total: 2048,
    time: TIME,
  },
  { kind: "end", id: "pull", ms: 1200, time: TIME },
  step("1", "FROM busybox", 1),
  { kind: "cached", id: "1", time: TIME },
  step("2", "RUN make", 2),
  log("2", "cc a.c\ncc b"),
  log("2", ".c\r\n"),
  log("2", "warning\n", "stderr"),
];

const WARNING: BuildEvent = {
  kind: "warning",
  finding: {
    rule: "StageNameCasing",
    message: "Stage name 'B' should be lowercase",
    url: "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/",
    place: { file: "Dockerfile", line: 1, column: 1, endLine: 1, endColumn: 9 },
  },
};

const FAILED: readonly BuildEvent[] = [
  ...STEPS,
  { kind: "end", id: "2", ms: 800, error: "it ended with status 2", time: TIME },
  {
    kind: "failed",
    code: "invalid-state",
    message: 'cannot build "Dockerfile:3:1": RUN make ended with status 2',
    id: "2",
    exitStatus: 2,
    place: { file: "Dockerfile", line: 3, column: 1, endLine: 3, endColumn: 9 },
    excerpt: [
      { line: 2, text: "COPY . .", marked: false },
      { line: 3, text: "RUN make", marked: true },
      { line: 4, text: "\x1b[2Jx", marked: false },
    ],
  },
];

Deno.test("ctr build tells what it does", async (t) => {
  await using home = await BuildHome.make();
  const done: BuildEvent = { kind: "end", id: "2", ms: 800, time: TIME };
  const tidy = (text: string) => text.replace(/built in [\d.]+m?s/, "built in 1.0s");
  await t.step("plainly", async () => {
    home.answer = [...STEPS, done, WARNING, result()];
    const { status, stdout, stderr } = await home.build(["-t", "a:1"]);
    assertEquals([status, stdout], [0, "a:1\n"]);
    await assertGolden(tidy(stderr), "build_plain.txt");
  });
  await t.step("a failure, with the lines around it", async () => {
    home.answer = FAILED;
    const { status, stdout, stderr } = await home.build([]);
    assertEquals([status, stdout], [1, ""]);
    await assertGolden(stderr, "build_failed_plain.txt");
  });
  await t.step("a failure, with the whole log of its step if nobody has seen it", async () => {
    home.answer = FAILED;
    const { status, stderr } = await home.build(["-q"]);
    assertEquals(status, 1);
    await assertGolden(stderr, "build_failed_quiet.txt");
  });
  await t.step("events as they are", async () => {
    home.answer = [...STEPS, done, result()];
    const { stderr } = await home.build(["--progress", "rawjson"]);
    assertEquals(stderr.trim().split("\n").map((line) => JSON.parse(line)), [...home.answer]);
  });
  await t.step("nothing but the digest with --quiet", async () => {
    home.answer = [...STEPS, done, WARNING, result()];
    assertEquals(await home.build(["-q"]), { status: 0, stdout: `${DIGEST}\n`, stderr: "" });
  });
  await t.step("as BUILDKIT_PROGRESS says", async () => {
    const { stderr } = await home.build([], { env: { BUILDKIT_PROGRESS: "quiet" } });
    assertEquals(stderr, "");
  });
  await t.step("an engine that ends in between", async () => {
    home.answer = STEPS;
    const { status, stderr } = await home.build(["--progress", "none"]);
    assertEquals(status, 1);
    assertEquals(
      stderr,
      "error: stopped building .: the engine has ended\nhint: steps that were done are kept; run it again\n",
    );
  });
});

Deno.test("ctr build leaves its results where it is told to", async (t) => {
  await using home = await BuildHome.make();
  const { context } = home;
  await t.step("the digest and what is known", async () => {
    await home.sent(["--iidfile", "id", "--metadata-file", "about"]);
    assertEquals(await Deno.readTextFile(`${context}/id`), DIGEST);
    assertEquals(JSON.parse(await Deno.readTextFile(`${context}/about`)), {
      "containerimage.digest": DIGEST,
      "image.name": "docker.io/library/a:1",
    });
  });
  await t.step("a failed build leaves no digest of an earlier one", async () => {
    home.answer = FAILED;
    await home.build(["--iidfile", "id"]);
    assertEquals(await Deno.stat(`${context}/id`).then(() => true, () => false), false);
  });
  await t.step("bytes at standard output, and nothing else", async () => {
    const bytes = new Uint8Array([0, 255, 10]);
    home.answer = [{ kind: "output", data: bytes.toBase64() }, result({ images: [] })];
    const child = await new Deno.Command("sh", {
      args: [
        "-c",
        `"$0" run -A "$1" build -o - . | od -An -tx1`,
        Deno.execPath(),
        new URL("../../main.ts", import.meta.url).pathname,
      ],
      cwd: context,
      env: { CTR_HOME: home.home.path },
    }).output();
    assertEquals(new TextDecoder().decode(child.stdout).trim(), "00 ff 0a");
  });
  await t.step("files instead of names", async () => {
    home.answer = [result({ images: [], written: [{ type: "tar", dest: "/x.tar" }] })];
    assertEquals((await home.build(["-o", "type=tar,dest=/x.tar"])).stdout, "/x.tar\n");
  });
  await t.step("the digest of an image without a name", async () => {
    home.answer = [result({ images: [] })];
    assertEquals((await home.build([])).stdout, `${DIGEST}\n`);
  });
});

Deno.test("ctr build answers questions about a Dockerfile", async (t) => {
  await using home = await BuildHome.make();
  const { finding } = WARNING as Extract<BuildEvent, { kind: "warning" }>;
  await t.step("--check ends with 1 where something was found", async () => {
    home.answer = [{
      kind: "answer",
      answer: { call: "check", findings: [finding], error: false },
    }];
    const { status, stdout, stderr } = await home.build(["--check"]);
    assertEquals([status, stderr, home.requests.at(-1)!.call], [1, "", "check"]);
    await assertGolden(stdout, "build_check.txt");
  });
  await t.step("--check of a good one", async () => {
    home.answer = [{ kind: "answer", answer: { call: "check", findings: [], error: false } }];
    assertEquals(await home.build(["--call", "check"]), {
      status: 0,
      stdout: "nothing found\n",
      stderr: "",
    });
  });
  await t.step("targets and outline", async () => {
    home.answer = [{
      kind: "answer",
      answer: {
        call: "targets",
        targets: [
          { name: "a", base: "busybox", description: "first", default: false },
          { base: "a", default: true },
        ],
      },
    }];
    const targets = await home.build(["--call=targets"]);
    home.answer = [{
      kind: "answer",
      answer: {
        call: "outline",
        outline: {
          name: "a",
          description: "first",
          args: [{ name: "X", value: "1", description: "of x" }, { name: "Y" }],
          secrets: [{ id: "s", required: true }],
          ssh: [{ id: "default", required: false }],
          caches: [],
        },
      },
    }];
    const outline = await home.build(["--call=outline"]);
    await assertGolden(`${targets.stdout}\n${outline.stdout}`, "build_calls.txt");
    const json = await home.build(["--call=outline,format=json"]);
    assertEquals(JSON.parse(json.stdout).outline.name, "a");
  });
});
