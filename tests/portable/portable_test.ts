import assert from "node:assert/strict";

const root = new URL("../../", import.meta.url).pathname;
const registry = Deno.env.get("CTR_TEST_REGISTRY");

/** What the launcher may use, beside QEMU: shell, coreutils, tar, gzip. */
const PROGRAMS =
  "sh cat chmod cut dirname env mkdir mktemp mv rm sha256sum sync tail gzip tar qemu-system-x86_64 qemu-system-aarch64";

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
    await Deno.mkdir(`${place.folder}/cache/app/${hash}`, { recursive: true });
    await Deno.writeTextFile(`${place.folder}/cache/app/${hash}/main.js`, "half");
    assert.equal((await place.ctr("version")).code, 0);
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

  const name = "runs a container";
  await t.step({
    name: registry ? name : `${name} (skipped: CTR_TEST_REGISTRY names no registry)`,
    ignore: registry === undefined,
    async fn() {
      await using place = await elsewhere();
      const { code, stdout, stderr } = await place.ctr(
        "run",
        "--rm",
        `${registry}/busybox:latest`,
        "cat",
        "/etc/hello",
      );
      await place.ctr("system", "stop");
      assert.deepEqual([code, stdout], [0, "hello from the second layer\n"], stderr);
    },
  });
});

/** The payload's hash, from the launcher's head. */
async function hashOf(path: string): Promise<string> {
  using file = await Deno.open(path);
  const head = new Uint8Array(4096);
  await file.read(head);
  return new TextDecoder().decode(head).match(/^hash=([0-9a-f]{64})$/m)?.[1] ?? "";
}
