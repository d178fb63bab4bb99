/**
 * The library for macOS as it was built: what it gives, what it needs, and from where.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { output, readFacts } from "./facts.ts";
import { defects, type Library, readLibrary } from "./library.ts";
import { built } from "./shim.ts";
import { copySource } from "./source.ts";

for (const what of ["darwin", "darwin-clang"]) {
  Deno.test(`the library of ${what}`, async (t) => {
    const facts = await readFacts();
    const library = await readLibrary(await built(what));
    await t.step("was read", () => {
      assert(library.exports.length > 30 && library.imports.length > 80);
      assert(library.selectors.includes("startWithCompletionHandler:"));
      assert.equal(library.libraries.length, 6);
    });
    await t.step("has exactly the functions of its header, and needs what is there", async () => {
      assert.deepEqual(await defects(library, facts), []);
    });
    await t.step("is for macOS 15 and later on arm64, and signed ad hoc", () => {
      for (
        const each of [/platform macos\s+sdk 26\.\d\s+minos 15\.0/, /LC_CODE_SIGNATURE/, /ARM64/]
      ) {
        assert.match(library.headers, each);
      }
      assert.match(library.headers, /@rpath\/libctrvz\.dylib/);
    });
    await t.step("a mistake in what was read is found", async () => {
      for (const [change, sentence] of planted(library)) {
        assert.deepEqual(await defects({ ...library, ...change }, facts), [sentence]);
      }
    });
  });
}

/** As the library would look with one mistake in its source. */
function planted(library: Library): readonly (readonly [Partial<Library>, string])[] {
  const { exports, imports, selectors, libraries } = library;
  const vmnet = imports.find(({ name }) => name === "_vmnet_network_create")!;
  const others = imports.filter((each) => each !== vmnet);
  const added = (name: string, from: string) => ({
    imports: [...imports, { name, weak: false, from }],
  });
  return [
    [{ exports: exports.filter((name) => name !== "_ctrvz_abi") }, "_ctrvz_abi is not exported"],
    [{ exports: [...exports, "_fail"] }, "_fail is exported"],
    [{ selectors: [...selectors, "startWithHandler:"] }, "nobody knows startWithHandler:"],
    [added("_OBJC_CLASS_$_VZMachine", "Virtualization"), "nobody has _OBJC_CLASS_$_VZMachine"],
    [added("_SecItemAdd", "Foundation"), "_SecItemAdd is bound to Foundation"],
    [{ imports: [...others, { ...vmnet, weak: false }] }, "_vmnet_network_create is of macOS 26.0"],
    [{ libraries: [...libraries, "/usr/lib/libz.dylib"] }, "it is bound to /usr/lib/libz.dylib"],
  ];
}

Deno.test("a mistake in the source is found in what is built of it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ctr-library-" });
  try {
    await copySource(folder);
    const change = async (file: string, before: string, after: string) => {
      const path = join(folder, "ffi", file);
      const text = await Deno.readTextFile(path);
      assert(text.includes(before), before);
      await Deno.writeTextFile(path, text.replaceAll(before, after));
    };
    for (const file of ["ctrvz.m", "declared/apple/Virtualization/Virtualization.h"]) {
      await change(file, "pauseWithCompletionHandler", "pauseWithHandler");
    }
    await change("ctrvz.h", "CTRVZ_EXPORT int32_t ctrvz_close(", "int32_t ctrvz_close(");
    const path = (await output(join(folder, "ffi/build"), "darwin-clang")).trim();
    const found = await defects(await readLibrary(path), await readFacts());
    assert.deepEqual(found, ["_ctrvz_close is not exported", "nobody knows pauseWithHandler:"]);
    await Deno.remove(join(path, ".."), { recursive: true });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what does not compile cleanly is no library", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ctr-library-" });
  try {
    await copySource(folder);
    const source = join(folder, "ffi/plain.c");
    await Deno.writeTextFile(source, await Deno.readTextFile(source) + "static int idle;\n");
    for (const what of ["darwin-clang", "standin"]) {
      await assert.rejects(output(join(folder, "ffi/build"), what), /unused variable 'idle'/);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
