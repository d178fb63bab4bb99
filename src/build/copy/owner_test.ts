import assert from "node:assert/strict";
import { isCtrError } from "../../core/mod.ts";
import { parseChmod, resolveOwner } from "./owner.ts";

const ACCOUNTS = {
  passwd: () => "root:x:0:0::/root:/bin/sh\napp:x:100:101::/:/bin/sh\n",
  group: () => "root:x:0:\nstaff:x:50:app\n",
};
const NONE = { passwd: () => undefined, group: () => undefined };

Deno.test("resolveOwner() reads names by the stage's accounts, and numbers without", () => {
  const cases: [string, number, number][] = [
    ["app", 100, 101],
    ["app:staff", 100, 50],
    ["7", 7, 7],
    ["7:staff", 7, 50],
    ["7:8", 7, 8],
    ["root", 0, 0],
    [":staff", 0, 50],
  ];
  for (const [text, uid, gid] of cases) {
    assert.deepEqual(resolveOwner(text, ACCOUNTS), { uid, gid }, text);
  }
  assert.deepEqual(resolveOwner("root:root", NONE), { uid: 0, gid: 0 });
  for (const text of ["nobody", "app:nobody", "4294967295"]) {
    assert.throws(() => resolveOwner(text, ACCOUNTS), (error) => isCtrError(error), text);
  }
});

Deno.test("parseChmod() reads octal numbers and what chmod takes", () => {
  const cases: [string, number, boolean, number][] = [
    ["755", 0o600, false, 0o755],
    ["4711", 0o600, false, 0o4711],
    ["u+x", 0o644, false, 0o744],
    ["go-rwx", 0o777, false, 0o700],
    ["a=rX", 0o640, false, 0o444],
    ["a=rX", 0o750, false, 0o555],
    ["u=rwX,go=rX", 0o600, true, 0o755],
    ["+x", 0o644, false, 0o755],
    ["g=u", 0o640, false, 0o660],
    ["u+s,+t", 0o755, false, 0o5755],
    ["=rx", 0o2770, true, 0o2555],
  ];
  for (const [text, before, isDirectory, after] of cases) {
    const found = parseChmod(text)(before, isDirectory);
    assert.equal(found.toString(8), after.toString(8), `${text} of ${before.toString(8)}`);
  }
  for (const text of ["", "8", "77777", "u", "x+u", "u+q", "u+x,"]) {
    assert.throws(() => parseChmod(text), (error) => isCtrError(error, "bad-data"), text);
  }
});
