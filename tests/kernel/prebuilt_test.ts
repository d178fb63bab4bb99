import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { root } from "./boot.ts";

/** A cache without kernels, and an archive that looks like a release; nothing is ever built. */
async function fixture() {
  const folder = await Deno.makeTempDir({ prefix: "ctr-prebuilt-" });
  await Deno.writeTextFile(`${folder}/kernel`, "not a kernel, but it has its bytes\n");
  await Deno.writeTextFile(`${folder}/config`, "CONFIG_NONE=y\n");
  const archive = `${folder}/release.tar.gz`;
  const packed = await new Deno.Command("tar", {
    args: ["-C", folder, "-czf", archive, "kernel", "config"],
  }).output();
  assert.ok(packed.success);
  const bytes = await Deno.readFile(archive);
  return {
    folder,
    archive,
    bytes,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    async build(env: Record<string, string>) {
      const { code, stdout, stderr } = await new Deno.Command(`${root}kernel/build`, {
        args: ["x86_64"],
        env: { CTR_CACHE: `${folder}/cache`, CTR_KERNEL_BUILD: "never", ...env },
      }).output();
      return {
        code,
        path: new TextDecoder().decode(stdout).trim(),
        said: new TextDecoder().decode(stderr),
      };
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("kernel/build takes a prebuilt kernel whose digest agrees, and keeps it", async () => {
  await using release = await fixture();
  const env = { CTR_KERNEL_URL: `file://${release.archive}`, CTR_KERNEL_SHA256: release.sha256 };
  const first = await release.build(env);
  assert.equal(first.code, 0, first.said);
  assert.equal(
    await Deno.readTextFile(first.path),
    await Deno.readTextFile(`${release.folder}/kernel`),
  );
  const second = await release.build({ CTR_KERNEL_URL: "" });
  assert.deepEqual([second.code, second.path, second.said], [0, first.path, ""]);
});

Deno.test("kernel/build fetches over HTTP and fills in architecture and key", async () => {
  await using release = await fixture();
  const asked: string[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    asked.push(new URL(request.url).pathname);
    return new Response(release.bytes);
  });
  const { code, said } = await release.build({
    CTR_KERNEL_URL: `http://127.0.0.1:${server.addr.port}/{arch}/{key}.tar.gz`,
    CTR_KERNEL_SHA256: release.sha256,
  });
  assert.equal(code, 0, said);
  assert.match(asked[0] ?? "", /^\/x86_64\/[0-9a-f]{32}\.tar\.gz$/);
});

Deno.test("kernel/build refuses what it should not boot", async (t) => {
  await using release = await fixture();
  const url = `file://${release.archive}`;
  const rows: [string, Record<string, string>, RegExp][] = [
    [
      "another digest",
      { CTR_KERNEL_URL: url, CTR_KERNEL_SHA256: "0".repeat(64) },
      /its SHA-256 is not 0+, so it is not used/,
    ],
    ["no digest", { CTR_KERNEL_URL: url }, /no SHA-256 is known/],
    [
      "no such file",
      { CTR_KERNEL_URL: `${url}.gone`, CTR_KERNEL_SHA256: release.sha256 },
      /could not be fetched/,
    ],
    [
      "another scheme",
      { CTR_KERNEL_URL: "ftp://127.0.0.1/x", CTR_KERNEL_SHA256: release.sha256 },
      /is not http:, https: or file:/,
    ],
  ];
  for (const [name, env, expected] of rows) {
    await t.step(name, async () => {
      const { code, said, path } = await release.build(env);
      assert.equal(code, 1);
      assert.equal(path, "");
      assert.match(said, expected);
      assert.match(said, /there is no x86_64 kernel of key/);
    });
  }
  await t.step("and leaves nothing in the cache", async () => {
    const left = await Array.fromAsync(
      Deno.readDir(`${release.folder}/cache/kernel`),
      (entry) => entry.name,
    );
    assert.deepEqual(left.filter((name) => !name.endsWith(".lock")), []);
  });
});

Deno.test("kernel/build mends a kernel in the cache whose bytes have changed", async () => {
  await using release = await fixture();
  const env = { CTR_KERNEL_URL: `file://${release.archive}`, CTR_KERNEL_SHA256: release.sha256 };
  const { path } = await release.build(env);
  await Deno.writeTextFile(path, "changed");
  assert.equal((await release.build(env)).code, 0);
  assert.equal(await Deno.readTextFile(path), await Deno.readTextFile(`${release.folder}/kernel`));
});

Deno.test("kernel/fetch.mjs stops at its deadline and its size, and leaves nothing", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "ctr-fetch-" });
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    if (request.url.endsWith("/large")) return new Response(new Uint8Array(10_000));
    if (request.url.endsWith("/gone")) return new Response("no", { status: 404 });
    return new Response(
      new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) }),
    );
  });
  const fetched = async (path: string, seconds: string, maxBytes: string) => {
    const { code, stderr } = await new Deno.Command("node", {
      args: [
        `${root}kernel/fetch.mjs`,
        `http://127.0.0.1:${server.addr.port}/${path}`,
        `${folder}/file`,
        seconds,
        maxBytes,
      ],
    }).output();
    return { code, said: new TextDecoder().decode(stderr) };
  };
  for (
    const [path, seconds, expected] of [["slow", "1", /not done after 1 s/], [
      "large",
      "9",
      /more than 1000/,
    ], ["gone", "9", /404/]] as const
  ) {
    await t.step(path, async () => {
      const { code, said } = await fetched(path, seconds, "1000");
      assert.equal(code, 1);
      assert.match(said, expected);
      assert.deepEqual(await Array.fromAsync(Deno.readDir(folder)), []);
    });
  }
  await Deno.remove(folder, { recursive: true });
});
