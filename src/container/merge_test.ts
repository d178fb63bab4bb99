import assert from "node:assert/strict";
import { CreateRequest, type CreateRequestInput } from "../api/mod.ts";
import type { ResolvedImage } from "../image/mod.ts";
import { capabilities } from "./capabilities.ts";
import { mergeConfig, mergeExec } from "./merge.ts";
import { hostnameOf, resolveRef } from "./names.ts";
import { signalName, signalNumber } from "./signals.ts";

const PROCESS = {
  Entrypoint: ["/entry"],
  Cmd: ["default"],
  Env: ["PATH=/bin", "A=image", "no equals sign"],
  WorkingDir: "/srv",
  User: "app",
  StopSignal: "SIGQUIT",
  Labels: { from: "image", kept: "yes" },
};

function merge(
  request: Partial<CreateRequestInput>,
  config: object = PROCESS,
  privilegedFiles?: number,
) {
  const image = {
    reference: "docker.io/library/test:latest",
    descriptor: { digest: "sha256:1" },
    manifestDigest: "sha256:2",
    platform: { os: "linux", architecture: "amd64" },
    config: { config },
    privilegedFiles,
  } as unknown as ResolvedImage;
  return mergeConfig(
    CreateRequest.parse({ image: "test", process: {}, ...request }),
    image,
    { id: "0".repeat(64), name: "web_1.example" },
    { cpus: 2, memoryBytes: 1 << 30 },
  );
}

Deno.test("what runs is the image's entrypoint and command, unless the request says otherwise", () => {
  const args = (request: Partial<CreateRequestInput>) => merge(request).process.args;
  assert.deepEqual(args({}), ["/entry", "default"]);
  assert.deepEqual(args({ process: { args: ["other"] } }), ["/entry", "other"]);
  assert.deepEqual(args({ entrypoint: ["/mine"] }), ["/mine"]);
  assert.deepEqual(args({ entrypoint: [], process: { args: ["sh"] } }), ["sh"]);
  assert.throws(() => merge({ entrypoint: [] }), /the image names no command/);
  assert.throws(() => merge({}, {}), /the image names no command/);
});

Deno.test("privileges cannot be gained where the image has no file that gives any", () => {
  const held = (files: number | undefined, privileged = false) =>
    merge({ process: { privileged } }, PROCESS, files).noNewPrivileges;
  assert.equal(held(0), true);
  assert.equal(held(1), false);
  assert.equal(held(undefined), false);
  assert.equal(held(0, true), false);
});

Deno.test("variables of the request come over the image's", () => {
  const { env } = merge({ process: { env: ["A=mine", "B="] } }).process;
  assert.deepEqual(env, ["PATH=/bin", "A=mine", "B="]);
});

Deno.test("folder, user, signal and labels are the image's where nothing was asked for", () => {
  const image = merge({});
  assert.deepEqual(
    [image.process.cwd, image.process.user, image.stopSignal, image.hostname],
    ["/srv", "app", "SIGQUIT", "web-1"],
  );
  const own = merge({
    process: { cwd: "/", user: "0" },
    stopSignal: "int",
    hostname: "h",
    labels: { from: "me" },
  });
  assert.deepEqual(
    [own.process.cwd, own.process.user, own.stopSignal, own.hostname],
    ["/", "0", "SIGINT", "h"],
  );
  assert.deepEqual(own.labels, { from: "me", kept: "yes" });
});

Deno.test("an added process inherits from its container", () => {
  const spec =
    CreateRequest.parse({ image: "x", process: { args: ["id"], env: ["A=exec"] } }).process;
  const { env, cwd, user, args } = mergeExec(spec, merge({}));
  assert.deepEqual([env, cwd, user, args], [["PATH=/bin", "A=exec"], "/srv", "app", ["id"]]);
});

Deno.test("a memory that no container fits in is refused", () => {
  assert.throws(() => merge({ memoryBytes: 512 }), /512 B of memory, least 32 MiB/);
});

Deno.test("capabilities: ALL first, then named adds, then named drops", () => {
  const count = (add: string[], drop: string[]) => capabilities(add, drop).length;
  assert.equal(count([], []), 14);
  assert.equal(count([], ["ALL"]), 0);
  assert.deepEqual(capabilities(["cap_net_admin"], ["all"]), ["CAP_NET_ADMIN"]);
  assert.equal(count(["ALL"], []), 41);
  assert.equal(capabilities(["ALL"], ["SYS_ADMIN"]).includes("CAP_SYS_ADMIN"), false);
  assert.throws(() => capabilities(["FLY"], []), /cannot use the capability "FLY"/);
});

Deno.test("signals are read by name and number", () => {
  const numbers = ["TERM", "sigkill", "9", "SIGRTMIN+3", "RTMAX"].map(signalNumber);
  assert.deepEqual(numbers, [15, 9, 9, 37, 64]);
  for (const bad of ["0", "65", "NOPE", "RTMIN+99", "-1"]) {
    assert.throws(() => signalNumber(bad), /cannot use the signal/);
  }
  for (let number = 1; number <= 31; number++) {
    assert.equal(signalNumber(signalName(number)), number);
  }
});

Deno.test("a reference is a whole name, a whole ID, or the beginning of one ID alone", () => {
  const all = [{ id: "abc1", name: "web" }, { id: "abd2", name: "abc" }, { id: "f00d", name: "x" }];
  assert.equal(resolveRef("web", all).id, "abc1");
  assert.equal(resolveRef("abc", all).id, "abd2", "a name goes before a beginning");
  assert.equal(resolveRef("f", all).id, "f00d");
  assert.throws(() => resolveRef("ab", all), /cannot tell what "ab" means: 2 IDs begin so/);
  assert.throws(() => resolveRef("zz", all), { code: "not-found" });
});

Deno.test("a host name is the first label of the container's name", () => {
  assert.deepEqual(["web.example", "a_b", "_"].map(hostnameOf), ["web", "a-b", "container"]);
});

Deno.test("paths are added to the defaults; NONE clears what came before it", () => {
  const masked = (request: Partial<CreateRequestInput>) => merge(request).maskedPaths;
  assert.ok(masked({}).includes("/proc/kcore"));
  assert.deepEqual(masked({ maskedPaths: ["/a"] }), [...masked({}), "/a"]);
  assert.deepEqual(masked({ maskedPaths: ["/a", "NONE", "/b"] }), ["/b"]);
  assert.deepEqual(masked({ security: { systempaths: "unconfined" } }), []);
  assert.deepEqual(merge({ security: { systempaths: "unconfined" } }).readonlyPaths, []);
});

Deno.test("what was said about new privileges goes before what the image needs", () => {
  const held = (noNewPrivileges: boolean, files: number, privileged = false) =>
    merge({ security: { noNewPrivileges }, process: { privileged } }, PROCESS, files)
      .noNewPrivileges;
  assert.equal(held(true, 1), true);
  assert.equal(held(false, 0), false);
  assert.equal(held(true, 1, true), true);
});

Deno.test("a seccomp profile that cannot be used is refused when the container is made", () => {
  assert.throws(
    () => merge({ security: { seccomp: { defaultAction: "SCMP_ACT_DANCE" } } }),
    /there is no action "SCMP_ACT_DANCE"/,
  );
});
