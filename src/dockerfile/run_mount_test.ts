import assert from "node:assert/strict";
import { parseRunMount } from "./run_mount.ts";

Deno.test("parseRunMount()", async (t) => {
  const owner = { uid: 0, gid: 0 };
  const cases: [text: string, mount: Record<string, unknown>][] = [
    ["target=/a", { type: "bind", target: "/a", source: "/", from: undefined, readWrite: false }],
    ["type=bind,dst=/a,src=b,from=c,rw", {
      type: "bind",
      target: "/a",
      source: "b",
      from: "c",
      readWrite: true,
    }],
    ["type=cache,target=/a//b/", {
      type: "cache",
      id: "/a/b",
      target: "/a//b/",
      readOnly: false,
      sharing: "shared",
      from: undefined,
      source: "/",
      mode: 0o755,
      ...owner,
    }],
    ["type=tmpfs,target=/a,size=1m", { type: "tmpfs", target: "/a", sizeBytes: 1024 * 1024 }],
    ["type=secret,id=a", {
      type: "secret",
      id: "a",
      target: "/run/secrets/a",
      env: undefined,
      required: false,
      mode: 0o400,
      ...owner,
    }],
    ["type=secret,id=a,env=B,required,mode=0440,uid=1", {
      type: "secret",
      id: "a",
      target: undefined,
      env: "B",
      required: true,
      mode: 0o440,
      uid: 1,
      gid: 0,
    }],
    ["type=ssh", {
      type: "ssh",
      id: "default",
      target: undefined,
      required: false,
      mode: 0o600,
      ...owner,
    }],
  ];
  for (const [text, mount] of cases) {
    await t.step(text, () => assert.deepEqual(parseRunMount(text), mount));
  }
  const wrong = [
    "type=cach,target=/a",
    "type=cache",
    "type=cache,target=/a,sharing=x",
    "type=cache,target=/a,size=1",
    "type=tmpfs,target=/a,size=x",
    "type=bind,target=/a,mode=0755",
    "type=bind,target",
    "type=secret",
    "type=secret,id=a,mode=9",
    "type=bind,target=/a,ro=x",
  ];
  for (const text of wrong) {
    await t.step(`refuses ${text}`, () => {
      assert.throws(() => parseRunMount(text), { name: "CtrError", code: "bad-data" });
    });
  }
});
