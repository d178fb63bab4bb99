import assert from "node:assert/strict";
import fc from "fast-check";
import { isCtrError } from "../core/mod.ts";
import { applyChanges } from "./changes.ts";

Deno.test("applyChanges() takes the instructions that docker commit takes", () => {
  const cases: [string, Record<string, unknown>][] = [
    ['CMD ["a", "b c"]', { Cmd: ["a", "b c"] }],
    ["CMD echo $HOME", { Cmd: ["/bin/sh", "-c", "echo $HOME"] }],
    ["entrypoint []", { Entrypoint: [] }],
    ['ENV A=1 B=\'x y\' C="q\\"r"', { Env: ["OLD=1", "A=1", "B=x y", 'C=q"r'] }],
    ["ENV OLD two words", { Env: ["OLD=two words"] }],
    ["EXPOSE 80 53/udp", { ExposedPorts: { "80/tcp": {}, "53/udp": {} } }],
    ["LABEL a=b", { Labels: { a: "b" } }],
    ["VOLUME /a /b", { Volumes: { "/a": {}, "/b": {} } }],
    ['VOLUME ["/a b"]', { Volumes: { "/a b": {} } }],
    ["USER 1000:1000", { User: "1000:1000" }],
    ["WORKDIR /srv", { WorkingDir: "/srv" }],
    ["WORKDIR app", { WorkingDir: "/app" }],
    ["STOPSIGNAL SIGINT", { StopSignal: "SIGINT" }],
    ["ONBUILD RUN make", { OnBuild: ["RUN make"] }],
    ['SHELL ["/bin/bash", "-c"]', { Shell: ["/bin/bash", "-c"] }],
    ["HEALTHCHECK NONE", { Healthcheck: { Test: ["NONE"] } }],
    ["HEALTHCHECK --interval=5s --retries=2 CMD curl -f localhost", {
      Healthcheck: { Interval: 5e9, Retries: 2, Test: ["CMD-SHELL", "curl -f localhost"] },
    }],
  ];
  for (const [change, expected] of cases) {
    assert.deepEqual(applyChanges({ Env: ["OLD=1"] }, [change]), { Env: ["OLD=1"], ...expected });
  }
  assert.deepEqual(applyChanges({}, ['SHELL ["/bin/ash","-c"]', "CMD ls"])["Cmd"], [
    "/bin/ash",
    "-c",
    "ls",
  ]);
});

Deno.test("applyChanges() refuses what it cannot do, and ends for every text", () => {
  const bad = [
    "RUN make",
    "FROM x",
    "ENV",
    "ENV =1",
    "EXPOSE http",
    "USER",
    "SHELL sh",
    "",
    "VOLUME",
  ]
    .concat("HEALTHCHECK --x=1 CMD a", "HEALTHCHECK", 'LABEL a="b', "toString x", "WORKDIR a b");
  for (const change of bad) {
    assert.throws(() => applyChanges({}, [change]), { code: "usage" }, change);
  }
  const odd = fc.string({
    unit: fc.constantFrom(..."ENVCMD =\"'\\[]/1a".split("")),
    maxLength: 40,
  });
  fc.assert(fc.property(odd, (text) => {
    try {
      applyChanges({}, [text]);
    } catch (error) {
      assert.ok(isCtrError(error, "usage"));
    }
  }));
});
