import assert from "node:assert/strict";
import {
  parseXml,
  RUNTIME,
  toDer,
  toXml,
  VIRTUALIZATION,
} from "../../scripts/sign/entitlements.ts";
import { readMachO } from "../../scripts/sign/macho.ts";
import { sha256, sign } from "../../scripts/sign/signature.ts";
import { verify } from "../../scripts/sign/verify.ts";
import { machoFile } from "./macho_file.ts";

const ENTITLEMENTS = [VIRTUALIZATION, ...RUNTIME];
const OPTIONS = { identifier: "dev.ctr.cli", entitlements: ENTITLEMENTS };

/** SHA-256 of slots of Deno 2.9.5 for macOS, which Apple's codesign has signed with the entitlements `RUNTIME`. */
const APPLE = {
  der: "f84d5cd4734acc2254adafdd10c71820a9c26d36d65b82833e71df8b20b36a4b",
  /** Of any program without requirements of its own. */
  noRequirements: "987920904eab650e75788c054aa0b0524e6a80bfc71aa32df8d237a61743f986",
};

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

Deno.test("a signature", async (t) => {
  for (const codeBytes of [4096, 10_000, 65_536]) {
    await t.step(`of ${codeBytes} bytes of code covers every page`, () => {
      const signed = sign(machoFile({ codeBytes }), OPTIONS);
      const { identifier, flags, entitlements, pages, executable } = verify(signed);
      assert.deepEqual(
        [identifier, flags, entitlements, pages],
        ["dev.ctr.cli", 2, ENTITLEMENTS, Math.ceil(codeBytes / 4096)],
      );
      assert.deepEqual([executable.base, executable.flags], [0, 1]);
    });
  }
  await t.step("ends the file, and the load commands say so", () => {
    const signed = sign(machoFile(), OPTIONS);
    const { signature, linkEdit } = readMachO(signed);
    assert.equal(signature.offset + signature.size, signed.length);
    assert.equal(linkEdit.offset + linkEdit.size, signed.length);
  });
  await t.step("replaces the one before", () => {
    const once = sign(machoFile(), OPTIONS);
    assert.deepEqual(sign(once, OPTIONS), once);
    const bare = sign(once, { identifier: "other", entitlements: [] });
    assert.deepEqual(verify(bare).entitlements, []);
    assert.deepEqual(sign(bare, OPTIONS), once);
  });
  await t.step("leaves the file that it was made from alone", () => {
    const file = machoFile();
    const before = file.slice();
    sign(file, OPTIONS);
    assert.deepEqual(file, before);
  });
  await t.step("finds every changed byte of the code and of the entitlements", () => {
    const signed = sign(machoFile(), OPTIONS);
    const { offset } = readMachO(signed).signature;
    for (const at of [200, 4096, offset - 1]) {
      const changed = signed.slice();
      changed[at]! ^= 1;
      assert.throws(() => verify(changed), /is not what was signed/, `byte ${at}`);
    }
    const text = new TextDecoder("latin1").decode(signed);
    const changed = signed.slice();
    changed[text.indexOf("<key>com.apple.security.virt") + 6]! ^= 1;
    assert.throws(() => verify(changed), /slot 5 is not what was signed/);
  });
});

Deno.test("what cannot be signed is refused with its reason", () => {
  const file = machoFile();
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [new Uint8Array(10), /not a thin 64-bit Mach-O/],
    [new TextEncoder().encode("\x7fELF".padEnd(100, "\0")), /not a thin 64-bit Mach-O/],
    [file.slice(0, 100), /cut short/],
    [file.slice(0, 5000), /outside of it/],
  ];
  for (const [bytes, message] of cases) assert.throws(() => sign(bytes, OPTIONS), { message });
});

Deno.test("entitlements", async (t) => {
  await t.step("in DER are byte by byte what codesign writes", () => {
    const head = new DataView(new ArrayBuffer(8));
    const der = toDer(RUNTIME);
    head.setUint32(0, 0xfade7172);
    head.setUint32(4, 8 + der.length);
    assert.equal(hex(sha256(new Uint8Array([...new Uint8Array(head.buffer), ...der]))), APPLE.der);
  });
  await t.step("and an empty set of requirements too", () => {
    assert.equal(verify(sign(machoFile(), OPTIONS)).special.get(2), APPLE.noRequirements);
  });
  await t.step("are read as they are written", () => {
    const odd = ["a&b", "<c>", ...ENTITLEMENTS];
    assert.deepEqual(parseXml(toXml(odd)), odd);
  });
  await t.step("that are not true are refused, not dropped", () => {
    const text = "<dict><key>a</key><true/><key>b</key><string>c</string></dict>";
    assert.throws(() => parseXml(text), /only true values/);
  });
  await t.step(
    "of the shipped list are these, and none that needs Apple's permission",
    async () => {
      const path = new URL("../../scripts/sign/ctr.entitlements", import.meta.url);
      assert.deepEqual(parseXml(await Deno.readTextFile(path)).sort(), [
        "com.apple.security.cs.allow-jit",
        "com.apple.security.cs.allow-unsigned-executable-memory",
        "com.apple.security.cs.disable-library-validation",
        VIRTUALIZATION,
      ]);
    },
  );
});

Deno.test("the shim for macOS is signed by its linker, and can be signed again", async (t) => {
  const build = new URL("../../ffi/build", import.meta.url).pathname;
  const { success, stdout, stderr } = await new Deno.Command(build, { args: ["darwin"] }).output();
  const name = success ? "it" : `it (skipped: ${new TextDecoder().decode(stderr).trim()})`;
  await t.step({
    name,
    ignore: !success,
    fn: async () => {
      const library = await Deno.readFile(new TextDecoder().decode(stdout).trim());
      verify(library);
      const signed = verify(sign(library, { identifier: "dev.ctr.shim", entitlements: [] }));
      assert.deepEqual([signed.identifier, signed.executable.flags], ["dev.ctr.shim", 0]);
    },
  });
});
