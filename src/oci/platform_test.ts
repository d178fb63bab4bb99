import assert from "node:assert/strict";
import fc from "fast-check";
import { CtrError } from "../core/mod.ts";
import { choosePlatform, formatPlatform, parsePlatform } from "./platform.ts";

Deno.test("parsePlatform()", async (t) => {
  const cases = [
    ["linux/amd64", "linux/amd64"],
    ["amd64", "linux/amd64"],
    ["x86_64", "linux/amd64"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["Linux/ARM64/8", "linux/arm64"],
    ["linux/arm/v7", "linux/arm/v7"],
    ["linux/arm", "linux/arm"],
    ["linux/armhf", "linux/arm/v7"],
    ["linux/arm/6", "linux/arm/v6"],
    ["linux/amd64/v3", "linux/amd64/v3"],
    ["macos/arm64", "darwin/arm64"],
    ["windows/amd64", "windows/amd64"],
  ] as const;
  for (const [text, normal] of cases) {
    await t.step(`reads ${text}`, () => assert.equal(formatPlatform(parsePlatform(text)), normal));
  }
  for (const text of ["", "linux/", "/amd64", "a/b/c/d", "linux/amd 64"]) {
    await t.step(`refuses "${text}"`, () => {
      assert.throws(
        () => parsePlatform(text),
        (error) => error instanceof CtrError && error.code === "usage",
      );
    });
  }
});

Deno.test("choosePlatform()", async (t) => {
  const index = (...names: string[]) =>
    names.map((name) => ({ name, platform: parsePlatform(name) }));
  const cases: [string, string[], string | undefined][] = [
    ["linux/arm64", ["linux/amd64", "linux/arm64"], "linux/arm64"],
    ["linux/arm64/v8", ["linux/amd64", "linux/arm64"], "linux/arm64"],
    ["linux/arm64", ["linux/amd64"], undefined],
    ["linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm/v8"], "linux/arm/v6"],
    ["linux/arm", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"],
    ["linux/arm/v6", ["linux/arm/v7"], undefined],
    ["linux/amd64", ["linux/amd64/v3"], undefined],
    ["linux/amd64/v3", ["linux/amd64", "linux/amd64/v2"], "linux/amd64/v2"],
    ["linux/amd64", ["windows/amd64"], undefined],
    ["linux/riscv64", ["linux/riscv64"], "linux/riscv64"],
  ];
  for (const [wanted, has, chosen] of cases) {
    await t.step(`${wanted} among ${has.join(", ")} is ${chosen}`, () => {
      assert.equal(choosePlatform(index(...has), parsePlatform(wanted))?.name, chosen);
    });
  }
});

Deno.test("a platform reads the same after it was written", () => {
  const word = fc.stringMatching(/^[A-Za-z0-9_.-]{1,10}$/);
  fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 3 }), (parts) => {
    const platform = parsePlatform(parts.join("/"));
    assert.deepEqual(parsePlatform(formatPlatform(platform)), platform);
  }));
});
