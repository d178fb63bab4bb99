import assert from "node:assert/strict";
import { importsOf, importViolations, ROWS } from "./imports.ts";
import type { Violation } from "./imports.ts";
import { hygieneViolations, SOURCE_RULES, sourceViolations } from "./sources.ts";

const root = new URL("../../", import.meta.url);

/** The repository's own files: what is committed, and what would be. */
function files(...patterns: string[]): { path: string; text: string }[] {
  const { stdout } = new Deno.Command("git", {
    args: [
      "-C",
      root.pathname,
      "ls-files",
      "--cached",
      "--others",
      "--exclude-standard",
      "-z",
      "--",
      ...patterns,
    ],
  }).outputSync();
  return new TextDecoder().decode(stdout).split("\0").filter(Boolean).flatMap((path) => {
    try {
      return [{ path, text: Deno.readTextFileSync(new URL(path, root)) }];
    } catch {
      return []; // removed since, or not text
    }
  });
}

function none(violations: Violation[]): void {
  assert.equal(violations.map((v) => `${v.file}:${v.line}: ${v.what}`).join("\n"), "");
}

Deno.test("folders of src/ import from rows below their own, through mod.ts", () => {
  none(files("src/*.ts").flatMap(({ path, text }) => importViolations(path, text)));
});

Deno.test("every folder of src/ has a row", () => {
  const known = new Set(ROWS.flat());
  const folders = new Set(files("src/*.ts").map(({ path }) => path.split("/")[1] ?? ""));
  assert.deepEqual([...folders].filter((folder) => !known.has(folder)), []);
});

for (const rule of SOURCE_RULES) {
  Deno.test(`in src/, ${rule.name}`, () => {
    const found = files("src/*.ts").flatMap(({ path, text }) => sourceViolations(path, text));
    none(found.filter((violation) => violation.what.startsWith(rule.name)));
  });
}

Deno.test("no file names a package registry's host or a path of one machine", () => {
  // Lock files of other tools hold what those tools write.
  const own = files().filter(({ path }) =>
    !/(^|\/)(go\.sum|deno\.lock)$/.test(path) && path !== "tests/rules/rules_test.ts"
  );
  // The home folders of a Dockerfile are those of its image.
  const images = (path: string) => /(^|[./])Dockerfile$/.test(path);
  none(
    own.flatMap(({ path, text }) =>
      hygieneViolations(path, images(path) ? text.replaceAll(/\/(root|home\/\w+)\b/g, "/~") : text)
    ),
  );
});

Deno.test("the repository holds no file above 1 MB", () => {
  const large = files().filter(({ text }) => text.length > 1_000_000).map(({ path }) => path);
  assert.deepEqual(large, []);
});

const PLANTED_IMPORTS: readonly [string, string, string][] = [
  ["src/core/errors.ts", 'import { x } from "../host/mod.ts";', "is not below"],
  ["src/image/pull.ts", 'import type { Vm } from "../vm/mod.ts";', "is not below"],
  ["src/tar/reader.ts", 'import { x } from "../host/mod.ts";', "may know core alone"],
  ["src/tar/reader.ts", 'import { x } from "../oci/mod.ts";', "is not below"],
  ["src/engine/engine.ts", 'import { x } from "../image/pull.ts";', "only mod.ts"],
  ["src/engine/engine.ts", 'const { x } = await import("../cli/mod.ts");', "is not below"],
  ["src/engine/engine.ts", 'export * from "../../main.ts";', "outside src/"],
  ["src/engine/engine.ts", 'import {\n  a,\n  b,\n} from "../helpers/mod.ts";', "has no row"],
  ["src/utils/mod.ts", 'import { x } from "../core/mod.ts";', "has no row"],
];

Deno.test("the import rule finds a planted violation", async (t) => {
  for (const [path, text, expected] of PLANTED_IMPORTS) {
    await t.step(`${path}: ${text.replaceAll("\n", " ")}`, () => {
      const found = importViolations(path, text);
      assert.equal(found.length, 1);
      assert.match(found[0]?.what ?? "", new RegExp(expected));
    });
  }
});

Deno.test("the import rule lets pass what it should", () => {
  none(
    importViolations(
      "src/image/pull.ts",
      'import { x } from "../registry/mod.ts";\nimport { y } from "./store.ts";',
    ),
  );
  none(
    importViolations(
      "src/hypervisor/qemu/qemu.ts",
      'import { x } from "../hypervisor.ts";\nimport "../../core/mod.ts";',
    ),
  );
  none(
    importViolations(
      "src/tar/reader.ts",
      'import { x } from "../core/mod.ts";\nimport process from "node:process";',
    ),
  );
});

Deno.test("importsOf() reads every kind of import", () => {
  const text =
    'import a from "./a.ts";\nimport "./b.ts";\nexport { c } from "./c.ts";\nlet d = import("./d.ts");\nexport const e = "./e.ts";';
  assert.deepEqual(importsOf(text).map((i) => `${i.line} ${i.specifier}`), [
    "1 ./a.ts",
    "2 ./b.ts",
    "3 ./c.ts",
    "4 ./d.ts",
  ]);
});

const PLANTED_SOURCES: readonly [string, string, string][] = [
  ["src/engine/engine.ts", "  Deno.exit(1);", "only main.ts"],
  ["src/vm/boot.ts", 'if (Deno.build.os === "linux") {}', "which system"],
  ["src/hypervisor/qemu/qemu.ts", "Deno.build.os", "which system"],
  ["src/core/log.ts", 'console.error("x");', "only cli/ prints"],
  ["src/image/pull.ts", "await Deno.stdout.write(bytes);", "only cli/ prints"],
  ["src/image/pull.ts", 'import { z } from "npm:zod@4";', "names of deno.json"],
];

Deno.test("each rule on sources finds a planted violation", async (t) => {
  for (const [path, text, expected] of PLANTED_SOURCES) {
    await t.step(`${path}: ${text.trim()}`, () => {
      assert.match(sourceViolations(path, text)[0]?.what ?? "nothing found", new RegExp(expected));
    });
  }
  await t.step("and not where it is allowed, in a comment or in a test", () => {
    none(sourceViolations("src/host/paths.ts", "Deno.build.os"));
    none(sourceViolations("src/hypervisor/choose.ts", "Deno.build.os"));
    none(sourceViolations("src/cli/run.ts", "console.log(1)"));
    none(
      sourceViolations(
        "src/core/log.ts",
        'const url = "a//b"; // no console.log() here\n/* nor\nDeno.exit() */',
      ),
    );
    none(sourceViolations("src/core/log_test.ts", "console.log(1)"));
  });
});

Deno.test("the hygiene rule finds a planted violation", () => {
  const planted = [
    "https://registry." + "npmjs.org/zod",
    "deb http://deb." + "debian.org/debian",
    "/wo" + "rk/main/src",
    "/ro" + "ot/.cache/ctr",
  ];
  for (const text of planted) assert.equal(hygieneViolations("docs/x.md", text).length, 1, text);
  none(hygieneViolations("docs/x.md", "/home/app and ~/.cache/ctr and $work/main and /network/x"));
});
