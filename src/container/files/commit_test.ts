import assert from "node:assert/strict";
import { CommitRequest } from "../../api/mod.ts";
import { isCtrError } from "../../core/mod.ts";
import type { ContainerConfig } from "../types.ts";
import { applyChange } from "./commit_changes.ts";
import { type ConfigDocument, newConfig, type ProcessDocument } from "./commit_config.ts";
import { splitWords } from "./split_words.ts";

const DIFF = `sha256:${"a".repeat(64)}`;
const BASE: ConfigDocument = {
  architecture: "amd64",
  os: "linux",
  "os.features": ["kept"],
  created: "2020-01-01T00:00:00Z",
  author: "somebody else",
  config: { Entrypoint: ["/entry"], Cmd: ["old"], Env: ["A=1"], ExposedPorts: { "80/tcp": {} } },
  rootfs: { type: "layers", diff_ids: [`sha256:${"b".repeat(64)}`] },
  history: [{ created_by: "ADD x" }, { created_by: "CMD old", empty_layer: true }],
};

function container(args: string[], more: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    process: { args, env: ["A=1", "B=2"], cwd: "/srv", user: "me" },
    labels: { l: "1" },
    stopSignal: "SIGTERM",
    ...more,
  } as unknown as ContainerConfig;
}

function committed(args: string[], request: object = {}, more: Partial<ContainerConfig> = {}) {
  return newConfig(BASE, container(args, more), CommitRequest.parse(request), DIFF);
}

Deno.test("newConfig() takes over how the container was run", () => {
  const made = committed(["/entry", "new"], { author: "me", message: "why" });
  assert.deepEqual(made.config, {
    Entrypoint: ["/entry"],
    Cmd: ["new"],
    Env: ["A=1", "B=2"],
    ExposedPorts: { "80/tcp": {} },
    User: "me",
    WorkingDir: "/srv",
    Labels: { l: "1" },
  });
  assert.deepEqual(made["os.features"], ["kept"], "what we do not know stays");
  assert.deepEqual(made.rootfs.diff_ids, [BASE.rootfs.diff_ids[0], DIFF]);
  assert.equal(made.author, "me");
  const { created: _created, ...last } = made.history!.at(-1)!;
  assert.deepEqual(last, { author: "me", created_by: "/entry new", comment: "why" });
  assert.equal(made.history!.length, 3);
  assert.equal(committed(["/entry"]).author, undefined, "the image's author did not make this one");
});

Deno.test("newConfig() tells entrypoint and command apart", () => {
  const commands = (args: string[], entrypoint?: string[]) => {
    const { Entrypoint, Cmd } = committed(args, {}, entrypoint ? { entrypoint } : {}).config!;
    return [Entrypoint, Cmd];
  };
  assert.deepEqual(commands(["/entry"]), [["/entry"], null]);
  assert.deepEqual(commands(["sh", "-c", "x"]), [null, ["sh", "-c", "x"]], "of an earlier ctr");
  assert.deepEqual(commands(["sh", "-c", "x"], ["sh"]), [["sh"], ["-c", "x"]]);
  assert.deepEqual(commands(["sh"], []), [null, ["sh"]]);
});

Deno.test("newConfig() mends a history that has not an entry per layer, and adds none for nothing", () => {
  const { history: _history, ...lost } = BASE;
  const made = newConfig(lost, container(["x"]), CommitRequest.parse({}), undefined);
  assert.deepEqual(made.rootfs.diff_ids, BASE.rootfs.diff_ids);
  assert.deepEqual(made.history!.map(({ empty_layer }) => empty_layer ?? false), [false, true]);
});

function applied(changes: readonly string[], process: ProcessDocument = {}): ProcessDocument {
  const state = { commandGiven: false };
  for (const change of changes) applyChange(process, change, state);
  return process;
}

Deno.test("applyChange() reads the instructions of a Dockerfile", async (t) => {
  const cases: readonly [string[], ProcessDocument][] = [
    [['CMD ["a", "b c"]'], { Cmd: ["a", "b c"] }],
    [["cmd echo $A"], { Cmd: ["/bin/sh", "-c", "echo $A"] }],
    [['SHELL ["bash","-c"]', "CMD x"], { Shell: ["bash", "-c"], Cmd: ["bash", "-c", "x"] }],
    [["CMD a", 'ENTRYPOINT ["e"]'], { Cmd: ["/bin/sh", "-c", "a"], Entrypoint: ["e"] }],
    [["ENTRYPOINT []"], { Entrypoint: null, Cmd: null }],
    [["ENV A=1 B='two words'", "ENV A  a b"], { Env: ["A=a b", "B=two words"] }],
    [['LABEL a.b="c d" e=f\\ g'], { Labels: { "a.b": "c d", e: "f g" } }],
    [["EXPOSE 80 53/udp 8000-8001"], {
      ExposedPorts: { "80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {} },
    }],
    [["VOLUME /a /b", 'VOLUME ["/c d"]'], { Volumes: { "/a": {}, "/b": {}, "/c d": {} } }],
    [["WORKDIR /a", "WORKDIR ../b"], { WorkingDir: "/b" }],
    [["USER me", "STOPSIGNAL INT", "ONBUILD RUN x"], {
      User: "me",
      StopSignal: "INT",
      OnBuild: ["RUN x"],
    }],
    [["HEALTHCHECK --interval=5s --retries=2 CMD curl x"], {
      Healthcheck: { Interval: 5e9, Retries: 2, Test: ["CMD-SHELL", "curl x"] },
    }],
    [["HEALTHCHECK NONE"], { Healthcheck: { Test: ["NONE"] } }],
  ];
  for (const [changes, expected] of cases) {
    await t.step(changes.join("; "), () => assert.deepEqual(applied(changes), expected));
  }
});

Deno.test("applyChange() refuses in one sentence", () => {
  const lines = ["FROM x", "RUN x", "", "CMD", "ENV A", "ENV =x y=z", "EXPOSE 70000", "EXPOSE x"];
  for (const line of [...lines, "USER a b", 'LABEL a="b', "SHELL sh", "HEALTHCHECK x"]) {
    assert.throws(
      () => applied([line]),
      (error) =>
        isCtrError(error, "usage") && /^cannot apply ".*": [a-z0-9"A-Z=]/.test(error.message) &&
        !error.message.includes("\n"),
      line,
    );
  }
});

Deno.test("splitWords() keeps what is quoted together", () => {
  assert.deepEqual(splitWords(`a  'b "c' "d 'e" f\\ g "h\\"i" ""`), [
    "a",
    'b "c',
    "d 'e",
    "f g",
    'h"i',
    "",
  ]);
  assert.equal(splitWords(`a "b`), undefined);
});
