import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url).pathname;
const registry = Deno.env.get("CTR_TEST_REGISTRY");

/** What the launcher may use, beside QEMU: shell, coreutils, tar, gzip. */
const PROGRAMS =
  "sh cat chmod cp cut dirname env mkdir mktemp mv rm sha256sum stat sync tail gzip tar qemu-system-x86_64 qemu-system-aarch64";

/** A folder far from the working copy, with `dist/ctr` and a PATH of its own. */
async function elsewhere() {
  const folder = await Deno.makeTempDir({ dir: "/tmp", prefix: "ctr-one-" });
  await Deno.mkdir(`${folder}/bin`);
  for (const name of PROGRAMS.split(" ")) {
    const { stdout, success } = await new Deno.Command("sh", { args: ["-c", `command -v ${name}`] })
      .output();
    if (success) {
      await Deno.symlink(new TextDecoder().decode(stdout).trim(), `${folder}/bin/${name}`);
    }
  }
  await Deno.copyFile(`${root}dist/ctr`, `${folder}/ctr`);
  return {
    folder,
    async ctr(...args: string[]) {
      const { code, stdout, stderr } = await new Deno.Command(`${folder}/ctr`, {
        args,
        cwd: folder,
        clearEnv: true,
        env: {
          PATH: `${folder}/bin`,
          HOME: folder,
          CTR_HOME: `${folder}/home`,
          CTR_CACHE: `${folder}/cache`,
        },
      }).output();
      return {
        code,
        stdout: new TextDecoder().decode(stdout),
        stderr: new TextDecoder().decode(stderr),
      };
    },
    async unpacked() {
      const names = await Array.fromAsync(
        Deno.readDir(`${folder}/cache/app`),
        (entry) => entry.name,
      ).catch(() => []);
      return names.sort();
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("the one-file executable", async (t) => {
  const compiled = await new Deno.Command(`${root}scripts/compile`, {
    args: ["--portable"],
    stdout: "null",
  }).output();
  assert.ok(compiled.success, new TextDecoder().decode(compiled.stderr));

  await t.step("runs where there is nothing but a shell, coreutils, tar and gzip", async () => {
    await using place = await elsewhere();
    const { code, stdout, stderr } = await place.ctr("version");
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^ctr version \d/);
    const again = await place.ctr("--help");
    assert.equal(again.code, 0);
  });

  await t.step(
    "unpacks once when several start at the same time, and leaves nothing else",
    async () => {
      await using place = await elsewhere();
      const runs = await Promise.all([1, 2, 3].map(() => place.ctr("version")));
      assert.deepEqual(runs.map(({ code, stderr }) => [code, stderr]), [[0, ""], [0, ""], [0, ""]]);
      const names = await place.unpacked();
      assert.equal(names.length, 1);
      const inside = await Array.fromAsync(
        Deno.readDir(`${place.folder}/cache/app/${names[0]}`),
        (entry) => entry.name,
      );
      assert.deepEqual(inside.filter((name) => name.endsWith(".tmp")), []);
    },
  );

  await t.step("starts over when it was killed while it unpacked", async () => {
    await using place = await elsewhere();
    const hash = await hashOf(`${place.folder}/ctr`);
    const files = `${place.folder}/cache/app/${hash}/files`;
    await Deno.mkdir(files, { recursive: true });
    await Deno.writeTextFile(`${files}/main.js`, "half");
    assert.equal((await place.ctr("version")).code, 0);
    assert.deepEqual(await place.unpacked(), [hash]);
  });

  const tampers: readonly (readonly [string, (files: string) => Promise<void>])[] = [
    ["a changed program", (files) => Deno.writeTextFile(`${files}/main.js`, "console.log('mine')")],
    ["a changed byte that keeps the size", async (files) => {
      using file = await Deno.open(`${files}/assets/netd`, { write: true });
      await file.seek(100_000, Deno.SeekMode.Start);
      await file.write(Uint8Array.of(1, 2, 3));
    }],
    ["a file that is gone", (files) => Deno.remove(`${files}/assets/netd`)],
    ["another list of sums", async (files) => {
      await Deno.writeTextFile(`${files}/SHA256SUMS`, "");
      await Deno.writeTextFile(`${files}/main.js`, "console.log('mine')");
    }],
  ];
  for (const [name, tamper] of tampers) {
    await t.step(`notices ${name}, and replaces what was unpacked`, async () => {
      const place = await unpackedOnce();
      const files = `${place.folder}/cache/app/${await hashOf(`${place.folder}/ctr`)}/files`;
      const before = await sumOf(files);
      await tamper(files);
      const { code, stdout, stderr } = await place.ctr("version");
      assert.deepEqual([code, stderr], [0, ""]);
      assert.match(stdout, /^ctr version \d/);
      assert.equal(await sumOf(files), before);
      assert.equal((await place.unpacked()).length, 1);
    });
  }

  await t.step("believes files that were touched and are what they were", async () => {
    const place = await unpackedOnce();
    const app = `${place.folder}/cache/app/${await hashOf(`${place.folder}/ctr`)}`;
    const { ino } = await Deno.stat(`${app}/files/main.js`);
    await Deno.utime(`${app}/files/main.js`, 1, 1);
    const mark = await Deno.readTextFile(`${app}/complete`);
    assert.equal((await place.ctr("version")).code, 0);
    assert.equal((await Deno.stat(`${app}/files/main.js`)).ino, ino);
    assert.notEqual(await Deno.readTextFile(`${app}/complete`), mark);
  });

  await t.step("refuses a file that is damaged", async () => {
    await using place = await elsewhere();
    const file = await Deno.open(`${place.folder}/ctr`, { write: true });
    await file.seek(2_000_000, Deno.SeekMode.Start);
    await file.write(new TextEncoder().encode("damage"));
    file.close();
    const { code, stderr } = await place.ctr("version");
    assert.equal(code, 125);
    assert.match(stderr, /is damaged/);
    assert.deepEqual(await place.unpacked(), []);
  });

  await t.step(
    "starts within 80 ms once it is unpacked, on a machine that does nothing else",
    async () => {
      const place = await unpackedOnce();
      let best = Infinity;
      for (let n = 0; n < 8; n++) {
        const began = performance.now();
        await place.ctr("version");
        best = Math.min(best, performance.now() - began);
      }
      console.log(`ctr version, warm: ${best.toFixed(0)} ms at best`);
      assert.ok(best < 400, `${best} ms`); // the machine may be busy; bench/ judges the promise
    },
  );

  const name =
    "passes the suite of ctr run, without the working copy's program, Deno or Node in PATH";
  await t.step({
    name: registry ? name : `${name} (skipped: CTR_TEST_REGISTRY names no registry)`,
    ignore: registry === undefined,
    async fn() {
      const { folder } = await unpackedOnce();
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["test", "-A", "--no-check", "--quiet", `${root}tests/run/run_test.ts`],
        env: {
          PATH: `${folder}/bin`,
          CTR_TEST_FILE: `${folder}/ctr`,
          CTR_CACHE: `${folder}/cache`,
        },
      }).output();
      const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assert.equal(code, 0, said);
      assert.match(said, /6 passed/);
    },
  });

  if (shared) await Deno.remove(shared.folder, { recursive: true });
});

let shared: Awaited<ReturnType<typeof elsewhere>> | undefined;

/** One place for what only looks at an unpacked file again: unpacking takes a second. */
async function unpackedOnce() {
  shared ??= await elsewhere();
  assert.equal((await shared.ctr("version")).code, 0);
  return shared;
}

/** Over all that lies in a folder. */
async function sumOf(folder: string): Promise<string> {
  const script = "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum";
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script], cwd: folder }).output();
  return new TextDecoder().decode(stdout);
}

/** The payload's hash, from the launcher's head. */
async function hashOf(path: string): Promise<string> {
  using file = await Deno.open(path);
  const head = new Uint8Array(4096);
  await file.read(head);
  return new TextDecoder().decode(head).match(/^hash=([0-9a-f]{64})$/m)?.[1] ?? "";
}
