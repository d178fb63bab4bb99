import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { isCtrError } from "../core/mod.ts";
import { openExt4, walkExt4 } from "../ext4/mod.ts";
import { TAR_END, type TarEntryInit, tarHeader, tarPadding } from "../tar/mod.ts";
import {
  mergeLayers,
  privilegedFilesOf,
  stopUnpackWorkers,
  unpackLayer,
  type UnpackLayerOptions,
} from "./mod.ts";

type Item = TarEntryInit & { readonly content?: string };

function tarOf(...items: readonly Item[]): Uint8Array<ArrayBuffer> {
  const parts = items.flatMap(({ content, ...entry }) => {
    const body = new TextEncoder().encode(content ?? "");
    return [
      tarHeader({ ...entry, size: entry.size ?? body.length }),
      body,
      tarPadding(body.length),
    ];
  });
  return join(...parts, TAR_END);
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const digestOf = (bytes: Uint8Array) =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield await Promise.resolve(bytes.subarray(at, at + size));
  }
}

/** A folder that must hold nothing but what was named when it goes. */
async function folder(work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "ctr-unpack-" });
  try {
    await work(path);
    for await (const { name } of Deno.readDir(path)) {
      assert.ok(!name.endsWith(".tmp"), `${name} was left behind`);
    }
  } finally {
    stopUnpackWorkers();
    await Deno.remove(path, { recursive: true });
  }
}

async function refuses(
  code: string,
  message: RegExp,
  options: Omit<UnpackLayerOptions, "target">,
): Promise<void> {
  await folder(async (path) => {
    await assert.rejects(
      unpackLayer({ ...options, target: `${path}/disk` }),
      (error) => isCtrError(error) && error.code === code && message.test(error.message),
    );
    await assert.rejects(Deno.stat(`${path}/disk`), Deno.errors.NotFound);
  });
}

function listing(path: string): string[] {
  using file = Deno.openSync(path);
  const reader = openExt4(file);
  return [...walkExt4(reader)].filter(({ path }) => path !== "").map(({ path, inode }) => {
    const opaque = inode.xattrs.has("trusted.overlay.opaque") ? " opaque" : "";
    const whiteout = inode.type === "char" && inode.devMajor === 0 && inode.devMinor === 0;
    const content = inode.type === "file"
      ? ` ${new TextDecoder().decode(reader.readAll(inode))}`
      : "";
    return `${whiteout ? "whiteout" : inode.type} ${path}${opaque}${content}${
      inode.links > 1 && inode.type === "file" ? ` ×${inode.links}` : ""
    }`;
  });
}

Deno.test("unpackLayer() takes every compression, named or not, from a stream or a file", async () => {
  const tar = tarOf({ path: "a", type: "file", content: "hello" }, {
    path: "b",
    type: "hardlink",
    linkTarget: "a",
  });
  const cut = 700;
  const head = tar.subarray(0, cut);
  const tail = tar.subarray(cut);
  const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
  const sources: Record<string, Uint8Array> = {
    "none": tar,
    "gzip": gzipSync(tar),
    "gzip of two members": join(gzipSync(head), gzipSync(tail)),
    "zstd": zstdCompressSync(tar),
    "zstd of two frames": join(
      skippable,
      zstdCompressSync(head),
      skippable,
      zstdCompressSync(tail),
    ),
  };
  await folder(async (path) => {
    for (const [name, bytes] of Object.entries(sources)) {
      await Deno.writeFile(`${path}/source`, bytes);
      for (
        const source of [
          `${path}/source`,
          pieces(bytes),
          pieces(bytes, 1),
          new Blob([bytes.slice()]).stream(),
        ]
      ) {
        const result = await unpackLayer({
          source,
          compression: name.startsWith("gzip") ? "gzip" : "auto",
          expectedDigest: digestOf(bytes),
          expectedDiffId: digestOf(tar),
          target: `${path}/disk`,
        });
        assert.deepEqual([result.digest, result.diffId], [digestOf(bytes), digestOf(tar)], name);
        assert.deepEqual([result.entries, result.uncompressedBytes], [2, tar.length], name);
        assert.equal(result.sizeBytes, (await Deno.stat(`${path}/disk`)).size);
        assert.deepEqual(listing(`${path}/disk`), ["file a hello ×2", "file b hello ×2"]);
      }
    }
  });
});

Deno.test("unpackLayer() makes the same disk of the same layer, however it is compressed", async () => {
  const tar = tarOf({ path: "a", type: "file", content: "x" }, { path: "d/.wh.x", type: "file" });
  await folder(async (path) => {
    await unpackLayer({ source: pieces(tar), target: `${path}/1` });
    await unpackLayer({ source: pieces(gzipSync(tar), 7), target: `${path}/2` });
    assert.deepEqual(await Deno.readFile(`${path}/1`), await Deno.readFile(`${path}/2`));
  });
});

Deno.test("unpackLayer() takes empty layers", async () => {
  await folder(async (path) => {
    for (
      const bytes of [new Uint8Array(0), TAR_END, gzipSync(new Uint8Array(0)), gzipSync(TAR_END)]
    ) {
      const { entries } = await unpackLayer({ source: pieces(bytes), target: `${path}/disk` });
      assert.deepEqual([entries, listing(`${path}/disk`)], [0, []]);
    }
  });
});

Deno.test("unpackLayer() turns whiteouts into overlayfs's, wherever they stand", async () => {
  const tar = tarOf(
    { path: "dir/.wh.gone", type: "file" },
    { path: "opaque/.wh..wh..opq", type: "file" },
    { path: "opaque/new", type: "file", content: "n" },
    { path: "opaque", type: "directory" },
    { path: ".wh.both", type: "file" },
    { path: "both", type: "directory" },
    { path: "kept", type: "file", content: "k" },
    { path: "./.wh.kept", type: "file" },
    { path: ".wh..wh.plnk", type: "directory" },
    {
      path: "steer",
      type: "directory",
      xattrs: new Map([["trusted.overlay.opaque", Uint8Array.of(0x79)]]),
    },
  );
  await folder(async (path) => {
    await unpackLayer({ source: pieces(tar), target: `${path}/disk` });
    assert.deepEqual(listing(`${path}/disk`), [
      "directory both opaque",
      "directory dir",
      "whiteout dir/gone",
      "file kept k",
      "directory opaque opaque",
      "file opaque/new n",
      "directory steer",
    ]);
  });
});

Deno.test("unpackLayer() refuses, names the layer and leaves nothing behind", async (t) => {
  const tar = tarOf({ path: "a", type: "file", content: "x".repeat(5000) });
  const gz = gzipSync(tar);
  const wrong = `sha256:${"0".repeat(64)}`;
  const step = (
    name: string,
    code: string,
    message: RegExp,
    options: Omit<UnpackLayerOptions, "target">,
  ) => t.step(name, () => refuses(code, message, options));
  await step(
    "a digest that lies",
    "bad-data",
    /^unpack layer sha256:000000000000: its digest is sha256:/,
    { source: pieces(gz), expectedDigest: wrong },
  );
  await step("a diff ID that lies", "bad-data", /its diff ID is sha256:/, {
    source: pieces(gz),
    expectedDiffId: wrong,
  });
  await step("gzip that is cut off", "bad-data", /damaged or cut off/, {
    source: pieces(gz.subarray(0, -9)),
  });
  await step("gzip with a wrong bit", "bad-data", /./, {
    source: pieces(gz.map((byte, i) => i === 30 ? byte ^ 0xff : byte)),
  });
  await step("zstd that is cut off", "bad-data", /zstd stream is damaged or cut off/, {
    source: pieces(zstdCompressSync(tar).subarray(0, -1)),
  });
  await step("what is not the compression it should be", "bad-data", /not gzip/, {
    source: pieces(tar),
    compression: "gzip",
  });
  await step("an archive that is cut off", "bad-data", /cut off within an entry/, {
    source: pieces(tar.subarray(0, 3000)),
  });
  await step("what is no archive", "bad-data", /checksum/, {
    source: pieces(new Uint8Array(600).fill(65)),
  });
  await step("a path out of the root", "bad-data", /"\.\.\/x" leaves the root/, {
    source: pieces(tarOf({ path: "../x", type: "file" })),
  });
  await step("a file that does not exist", "not-found", /No such file/, {
    source: "/nonexistent/layer",
  });
  await step("more entries than allowed", "too-large", /more than 2 entries/, {
    source: pieces(tarOf(...["a", "b", "c"].map((path) => ({ path, type: "file" as const })))),
    limits: { maxEntries: 2 },
  });
  await step("more devices than allowed", "too-large", /more than 1 devices/, {
    source: pieces(
      tarOf(...["a", "b"].map((path) => ({ path, type: "char" as const, devMinor: 1 }))),
    ),
    limits: { maxDevices: 1 },
  });
  await step("files larger than allowed", "too-large", /larger than 1 KiB/, {
    source: pieces(tar),
    limits: { maxContentBytes: 1024 },
  });
});

Deno.test("unpackLayer() stops a bomb of ten gigabytes at its limit", async () => {
  async function* bomb(): AsyncGenerator<Uint8Array> {
    yield gzipSync(tarHeader({ path: "zeros", type: "file", size: 10 * 2 ** 30 }));
    const member = gzipSync(new Uint8Array(1 << 24));
    for (let i = 0; i < 640; i++) yield await Promise.resolve(member);
  }
  const started = performance.now();
  await refuses("too-large", /expands to more than 100 MiB/, {
    source: bomb(),
    limits: { maxUncompressedBytes: 100 * 2 ** 20 },
  });
  assert.ok(performance.now() - started < 10_000);
});

Deno.test("unpackLayer() can be interrupted at any moment, by its signal or its source", async () => {
  const tar = tarOf(
    ...Array.from(
      { length: 200 },
      (_, i) => ({ path: `f${i}`, type: "file" as const, content: "x".repeat(20_000) }),
    ),
  );
  await folder(async (path) => {
    for (const after of [0, 1, 50, 1000]) {
      const controller = new AbortController();
      const reason = new Error("enough");
      let returned = false;
      const source = async function* (): AsyncGenerator<Uint8Array> {
        try {
          let count = 0;
          for await (const piece of pieces(tar)) {
            if (count++ === after) controller.abort(reason);
            yield piece;
          }
        } finally {
          returned = true;
        }
      };
      await assert.rejects(
        unpackLayer({ source: source(), target: `${path}/disk`, signal: controller.signal }),
        reason,
      );
      await new Promise((resolve) => setTimeout(resolve, 0));
      assert.ok(returned, "the source was told");
    }
    const aborted = AbortSignal.abort(new Error("before"));
    await assert.rejects(
      unpackLayer({ source: pieces(tar), target: `${path}/disk`, signal: aborted }),
      /before/,
    );
    const hanging = new ReadableStream<Uint8Array>({
      start: (c) => c.enqueue(tar.subarray(0, 5000)),
    });
    await assert.rejects(
      unpackLayer({ source: hanging, target: `${path}/disk`, signal: AbortSignal.timeout(100) }),
      /timeout/,
    );
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield tar.subarray(0, 5000);
      await Promise.resolve();
      throw new Error("the network is down");
    }
    await assert.rejects(
      unpackLayer({ source: failing(), target: `${path}/disk` }),
      /network is down/,
    );
    assert.deepEqual([...Deno.readDirSync(path)], []);
  });
});

Deno.test("unpackLayer() keeps an older disk when it fails, and replaces it when it does not", async () => {
  await folder(async (path) => {
    const target = `${path}/disk`;
    await Deno.writeTextFile(target, "older");
    await assert.rejects(unpackLayer({ source: pieces(new Uint8Array(600).fill(1)), target }));
    assert.equal(await Deno.readTextFile(target), "older");
    await unpackLayer({ source: pieces(TAR_END), target });
    assert.equal((await Deno.stat(target)).mode! & 0o777, 0o600);
    assert.deepEqual(listing(target), []);
  });
});

Deno.test("mergeLayers() does what overlayfs would do", async () => {
  const bottom = tarOf(
    { path: "keep", type: "file", content: "0" },
    { path: "keep2", type: "hardlink", linkTarget: "keep" },
    { path: "gone", type: "file", content: "0" },
    { path: "dir/a", type: "file", content: "0" },
    { path: "dir/b", type: "file", content: "0" },
    { path: "opaque/old", type: "file", content: "0" },
    { path: "file-then-dir", type: "file", content: "0" },
    { path: "dir-then-file/x", type: "file", content: "0" },
  );
  const middle = tarOf(
    { path: ".wh.gone", type: "file" },
    { path: "dir/.wh.a", type: "file" },
    { path: "dir/c", type: "file", content: "1" },
    { path: "opaque/.wh..wh..opq", type: "file" },
    { path: "opaque/new", type: "file", content: "1" },
    { path: "file-then-dir/in", type: "file", content: "1" },
    { path: "dir-then-file", type: "file", content: "1" },
  );
  const top = tarOf({ path: "dir/b", type: "file", content: "2" }, {
    path: "gone",
    type: "directory",
  });
  await folder(async (path) => {
    const sources: string[] = [];
    for (const [i, tar] of [bottom, middle, top].entries()) {
      sources.push(`${path}/${i}`);
      await unpackLayer({ source: pieces(tar), target: sources[i]! });
    }
    await mergeLayers({ sources, target: `${path}/merged`, keepWhiteouts: false });
    assert.deepEqual(listing(`${path}/merged`), [
      "directory dir",
      "file dir/b 2",
      "file dir/c 1",
      "file dir-then-file 1",
      "directory file-then-dir",
      "file file-then-dir/in 1",
      "directory gone",
      "file keep 0 ×2",
      "file keep2 0 ×2",
      "directory opaque",
      "file opaque/new 1",
    ]);
    await mergeLayers({ sources: sources.slice(1), target: `${path}/upper`, keepWhiteouts: true });
    assert.deepEqual(listing(`${path}/upper`), [
      "directory dir",
      "whiteout dir/a",
      "file dir/b 2",
      "file dir/c 1",
      "file dir-then-file 1",
      "directory file-then-dir",
      "file file-then-dir/in 1",
      "directory gone opaque",
      "directory opaque opaque",
      "file opaque/new 1",
    ]);
    // In two steps or in one: the same tree.
    await mergeLayers({
      sources: [sources[0]!, `${path}/upper`],
      target: `${path}/twice`,
      keepWhiteouts: false,
    });
    assert.deepEqual(listing(`${path}/twice`), listing(`${path}/merged`));
    await assert.rejects(
      mergeLayers({
        sources,
        target: `${path}/small`,
        keepWhiteouts: false,
        capacityBytes: 1 << 16,
      }),
      (error) => isCtrError(error, "no-space"),
    );
    await Deno.writeTextFile(`${path}/junk`, "x".repeat(5000));
    await assert.rejects(
      mergeLayers({ sources: [`${path}/junk`], target: `${path}/small`, keepWhiteouts: false }),
      (error) => isCtrError(error, "bad-data") && /not ext4/.test(error.message),
    );
  });
});

Deno.test("a disk tells how many of its files give privileges", async (t) => {
  const capability = new Map([["security.capability", Uint8Array.of(1, 0, 0, 2)]]);
  await folder(async (path) => {
    const make = async (name: string, ...items: Item[]) => {
      const target = `${path}/${name}`;
      const { privilegedFiles } = await unpackLayer({ source: pieces(tarOf(...items)), target });
      assert.equal(await privilegedFilesOf(target), privilegedFiles);
      return privilegedFiles;
    };
    await t.step("none: folders and plain files", async () => {
      const files = await make(
        "plain",
        { path: "d", type: "directory", mode: 0o2755 },
        { path: "f", type: "file", mode: 0o1755 },
      );
      assert.equal(files, 0);
    });
    await t.step("setuid, setgid and file capabilities", async () => {
      const files = await make(
        "some",
        { path: "su", type: "file", mode: 0o4755 },
        { path: "wall", type: "file", mode: 0o2755 },
        { path: "ping", type: "file", mode: 0o755, xattrs: capability },
        { path: "again", type: "hardlink", linkTarget: "su", mode: 0o4755 },
      );
      assert.equal(files, 3);
    });
    await t.step("merged: those that are left", async () => {
      await make("top", { path: "su", type: "file", mode: 0o755 }, {
        path: ".wh.wall",
        type: "file",
      });
      const target = `${path}/merged`;
      const sources = ["plain", "some", "top"].map((name) => `${path}/${name}`);
      const { privilegedFiles } = await mergeLayers({ sources, target, keepWhiteouts: false });
      assert.equal(privilegedFiles, 2); // ping, and su by its other name
      assert.equal(await privilegedFilesOf(target), 2);
    });
  });
});
