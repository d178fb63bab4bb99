import assert from "node:assert/strict";
import fc from "fast-check";
import { isCtrError } from "../../core/mod.ts";
import { TAR_END, type TarEntryInit, tarHeader, tarPadding } from "../../tar/mod.ts";
import { packTree } from "./pack_tree.ts";
import { unpackTree } from "./unpack_tree.ts";

/** A folder with a target and, beside it, what nobody may touch. */
async function scratch(work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "ctr-tree-" });
  try {
    await Deno.mkdir(`${path}/target`);
    await Deno.mkdir(`${path}/outside`);
    await Deno.writeTextFile(`${path}/outside/file`, "untouched");
    await work(path);
    assert.equal(await listing(`${path}/outside`), OUTSIDE, "outside of the target");
    const names = [...Deno.readDirSync(path)].map(({ name }) => name);
    assert.deepEqual(names.filter((name) => !KNOWN.includes(name)), []);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

const KNOWN = ["target", "outside", "source", "other"];
const OUTSIDE = "f 644 1 9  file";

/** What GNU find makes of a tree, without times. */
async function listing(path: string, format = "%y %m %n %s %l %P\\n"): Promise<string> {
  const args = ["-c", `find . -mindepth 1 -printf '${format}' | LC_ALL=C sort -k6`];
  const { stdout } = await new Deno.Command("sh", { args, cwd: path }).output();
  const text = new TextDecoder().decode(stdout).trim();
  return text.replace(/^d (\d+) \d+ \d+/gm, "d $1"); // a folder's links and size are its file system's
}

async function tar(args: readonly string[], stdin?: Uint8Array): Promise<Uint8Array> {
  const child = new Deno.Command("tar", {
    args: [...args],
    stdin: stdin ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (stdin) {
    const writer = child.stdin.getWriter();
    await writer.write(stdin);
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return stdout;
}

function archive(...items: readonly (TarEntryInit & { content?: string })[]): Uint8Array {
  const parts = items.flatMap(({ content = "", ...entry }) => [
    tarHeader({ size: content.length, ...entry }),
    new TextEncoder().encode(content),
    tarPadding(content.length),
  ]);
  const whole = new Uint8Array([...parts, TAR_END].reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of [...parts, TAR_END]) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield await Promise.resolve(bytes.subarray(at, at + size));
  }
}

/** Unpacks into `folder`. @returns What was left out. */
async function unpack(folder: string, bytes: Uint8Array, name?: string): Promise<string[]> {
  const notes: string[] = [];
  const note = (text: string) => void notes.push(text);
  await unpackTree(pieces(bytes), { folder, name, keepOwners: false, note });
  return notes;
}

function pack(source: string, name: string | undefined): Uint8Array {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const note = (text: string) => assert.fail(text);
  for (const piece of packTree({ source, name, followLink: false, note })) {
    parts.push(piece.slice());
  }
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function refused(work: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  return assert.rejects(
    work,
    (error) => isCtrError(error) && error.code === code && message.test(error.message),
  );
}

async function sampleTree(path: string): Promise<void> {
  await Deno.mkdir(`${path}/sub/empty`, { recursive: true });
  await Deno.writeTextFile(`${path}/file`, "content");
  await Deno.writeTextFile(`${path}/sub/ünï ‑ code`, "x".repeat(3_000_000));
  await Deno.writeTextFile(`${path}/${"long".repeat(40)}`, "");
  await Deno.symlink("../nowhere", `${path}/sub/link`);
  await Deno.link(`${path}/file`, `${path}/sub/twin`);
  await Deno.chmod(`${path}/file`, 0o640);
  await Deno.chmod(`${path}/sub/empty`, 0o1777);
  const args = [
    "-c",
    "truncate -s 5000000 sparse; touch -d '2001-02-03 04:05:06' file sub/empty sub",
  ];
  await new Deno.Command("sh", { args, cwd: path }).output();
}

Deno.test("packTree() packs what GNU tar unpacks into the same tree", () =>
  scratch(async (path) => {
    await sampleTree(`${path}/source`);
    await tar(["-C", `${path}/target`, "-xpf", "-"], pack(`${path}/source`, "renamed"));
    const times = "%y %m %n %s %l %P %T@\\n";
    const wholeSeconds = (text: string) => text.replace(/\.\d+$/gm, "");
    assert.equal(
      wholeSeconds(await listing(`${path}/target/renamed`, times)),
      wholeSeconds(await listing(`${path}/source`, times)),
    );
  }));

Deno.test("unpackTree() unpacks what GNU tar packed into the same tree", () =>
  scratch(async (path) => {
    await sampleTree(`${path}/source`);
    for (const format of ["gnu", "pax"]) {
      const bytes = await tar(["-C", path, `--format=${format}`, "-S", "-cf", "-", "source"]);
      assert.deepEqual(await unpack(`${path}/target`, bytes, "source"), []);
      const times = "%y %m %n %s %l %P %TY%Tm%Td%TH%TM\\n";
      const [ours, theirs] = await Promise.all([
        listing(`${path}/target/source`, times),
        listing(`${path}/source`, times),
      ]);
      assert.equal(ours, theirs);
      const { code } = await new Deno.Command("diff", {
        args: ["-r", "--no-dereference", `${path}/source`, `${path}/target/source`],
      }).output();
      assert.equal(code, 0, "the same content; the second time over what is there");
    }
    const content = await tar(["-C", `${path}/source`, "-cf", "-", "."]);
    await Deno.mkdir(`${path}/other`);
    await unpack(`${path}/other`, content);
    assert.equal(await listing(`${path}/other`), await listing(`${path}/source`));
  }));

const HOSTILE: readonly [string, string, readonly (TarEntryInit & { content?: string })[]][] = [
  ["a path with ..", "bad-data", [{ path: "n/../../outside/file", type: "file", content: "evil" }]],
  ["an absolute path", "bad-data", [{ path: "/tmp/ctr-evil", type: "file", content: "evil" }]],
  ["another name than the one asked for", "bad-data", [{ path: "other", type: "file" }]],
  ["a folder that is a link by then", "conflict", [
    { path: "n", type: "directory", mode: 0o755 },
    { path: "n/l", type: "symlink", linkTarget: "../../outside" },
    { path: "n/l/file", type: "file", content: "evil" },
  ]],
  ["a link in place of all", "conflict", [
    { path: "n", type: "symlink", linkTarget: "../outside" },
    { path: "n/file", type: "file", content: "evil" },
  ]],
  ["a link that is described as a folder", "conflict", [
    { path: "n", type: "symlink", linkTarget: "../outside" },
    { path: "n", type: "directory", mode: 0o777 },
  ]],
  ["a hard link to what lies outside", "bad-data", [
    { path: "n", type: "directory", mode: 0o755 },
    { path: "n/h", type: "hardlink", linkTarget: "../outside/file" },
  ]],
  ["a hard link through a link", "conflict", [
    { path: "n", type: "directory", mode: 0o755 },
    { path: "n/l", type: "symlink", linkTarget: "../../outside" },
    { path: "n/h", type: "hardlink", linkTarget: "n/l/file" },
  ]],
  ["a hard link to a link", "bad-data", [
    { path: "n", type: "directory", mode: 0o755 },
    { path: "n/l", type: "symlink", linkTarget: "../../outside/file" },
    { path: "n/h", type: "hardlink", linkTarget: "n/l" },
  ]],
  ["a file where a folder is", "conflict", [
    { path: "n/sub", type: "directory", mode: 0o755 },
    { path: "n/sub", type: "file", content: "evil" },
  ]],
  ["folders without end", "too-large", [{ path: `n${"/d".repeat(600)}`, type: "directory" }]],
];

Deno.test("unpackTree() refuses", async (t) => {
  for (const [what, code, items] of HOSTILE) {
    await t.step(what, () =>
      scratch(async (path) => {
        await refused(unpack(`${path}/target`, archive(...items), "n"), code, /^cannot /);
      }));
  }
});

Deno.test("unpackTree() writes anew what a link or a file is in the way of", () =>
  scratch(async (path) => {
    const target = `${path}/target`;
    await Deno.symlink("../outside/file", `${target}/n`);
    await unpack(target, archive({ path: "n", type: "file", mode: 0o4755, content: "new" }), "n");
    assert.equal(await listing(target), "f 755 1 3  n", "and no setuid bit for the caller's file");
    const link = { path: "n", type: "symlink" as const, linkTarget: "../outside/file" };
    await unpack(target, archive(link, { path: "n", type: "file", content: "through?" }), "n");
    assert.equal(await Deno.readTextFile(`${target}/n`), "through?");
  }));

Deno.test("unpackTree() leaves devices, pipes and names that it cannot write out, and says so", () =>
  scratch(async (path) => {
    const notes = await unpack(
      `${path}/target`,
      archive(
        { path: "n", type: "directory", mode: 0o755 },
        { path: "n/null", type: "char", devMajor: 1, devMinor: 3 },
        { path: "n/pipe", type: "fifo" },
        { path: "n/\xff\x1b", type: "file" },
        { path: "n/kept", type: "file" },
      ),
      "n",
    );
    assert.deepEqual(notes.map((note) => note.replace(/^.*: /, "")), [
      "it is a device",
      "it is a pipe",
      "its name is not UTF-8",
    ]);
    assert.ok(!notes.join("").includes("\x1b"));
    assert.equal(await listing(`${path}/target/n`), "f 644 1 0  kept");
  }));

Deno.test("unpackTree() fails for an archive that is cut off", () =>
  scratch(async (path) => {
    const bytes = archive({ path: "n", type: "file", content: "x".repeat(5000) });
    await refused(unpack(`${path}/target`, bytes.slice(0, 3000), "n"), "bad-data", /cut off/);
  }));

Deno.test("unpackTree() writes nothing outside, whatever the archive says", async () => {
  const word = fc.constantFrom("n", "a", "b", "..", ".", "", "n/..", "outside", "l");
  const path = fc.oneof(
    fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join("/")),
    fc.array(fc.constantFrom("a", "b", "l"), { maxLength: 3 }).map((w) => ["n", ...w].join("/")),
  );
  const entry = fc.record({
    path,
    type: fc.constantFrom(
      ...["file", "file", "directory", "symlink", "symlink", "hardlink", "char"] as const,
    ),
    linkTarget: fc.oneof(
      path,
      fc.constantFrom("../outside", "../../outside", "../outside/file", "/", ".."),
    ),
    mode: fc.constantFrom(0o777, 0o4755, 0),
    content: fc.constantFrom("", "evil"),
  }).map(({ content, type, linkTarget, ...rest }) => ({
    ...rest,
    type,
    ...(type === "file" ? { content } : {}),
    ...(type.endsWith("link") ? { linkTarget: linkTarget || "x" } : {}),
  }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(entry, { minLength: 1, maxLength: 8 }),
      (items) =>
        scratch(async (path) => {
          try {
            await unpack(`${path}/target`, archive(...items), "n");
          } catch (error) {
            if (!isCtrError(error)) throw error;
          }
          const names = [...Deno.readDirSync(`${path}/target`)].map(({ name }) => name);
          assert.deepEqual(names.filter((name) => name !== "n"), []);
          await new Deno.Command("chmod", { args: ["-R", "u+rwx", `${path}/target`] }).output();
        }),
    ),
    { numRuns: 250, interruptAfterTimeLimit: 25_000, markInterruptAsFailure: false },
  );
});
