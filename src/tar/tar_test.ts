import assert from "node:assert/strict";
import fc from "fast-check";
import { isCtrError } from "../core/mod.ts";
import {
  binaryOf,
  bytesOf,
  readTar,
  TAR_END,
  type TarEntry,
  type TarEntryInit,
  tarHeader,
  tarPadding,
  TarReader,
  textOf,
} from "./mod.ts";

function archive(
  ...entries: readonly (TarEntryInit & { content?: Uint8Array })[]
): Uint8Array<ArrayBuffer> {
  return join(
    ...entries.flatMap(({ content, ...entry }) => {
      const body = content ?? new Uint8Array(0);
      return [
        tarHeader({ ...entry, size: entry.size ?? body.length }),
        body,
        tarPadding(body.length),
      ];
    }),
    TAR_END,
  );
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

/** Sets a field of a header and its checksum. */
function patched(block: Uint8Array, at: number, text: string): Uint8Array<ArrayBuffer> {
  const copy = block.slice();
  copy.set(bytesOf(text), at);
  copy.fill(0x20, 148, 156);
  const sum = copy.subarray(0, 512).reduce((a, b) => a + b, 0);
  copy.set(bytesOf(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return copy;
}

function fails(code: string, bytes: Uint8Array, message: RegExp): void {
  assert.throws(
    () => readTar(bytes),
    (error) => isCtrError(error) && error.code === code && message.test(error.message),
  );
}

Deno.test("TarReader reads what tarHeader writes", async (t) => {
  const cases: Record<string, TarEntryInit> = {
    "a plain file": { path: "a/b", type: "file", mode: 0o644 },
    "a directory": { path: "dir", type: "directory", mode: 0o2755, uid: 1, gid: 2 },
    "a path that the prefix holds": { path: `${"d/".repeat(60)}name`, type: "file" },
    "a path of 3000 bytes": { path: "x".repeat(3000), type: "file" },
    "a name that is not UTF-8": { path: "\xff\xfe", type: "file" },
    "a long link": { path: "l", type: "symlink", linkTarget: "t".repeat(500) },
    "a hard link": { path: "h", type: "hardlink", linkTarget: "a/b" },
    "ids past octal": { path: "i", type: "file", uid: 3_000_000_000, gid: 2_097_152 },
    "a time before 1970 with nanoseconds": {
      path: "t",
      type: "file",
      mtime: -2,
      mtimeNs: 250_000_000,
    },
    "a time before 1970": { path: "t", type: "file", mtime: -315_619_200 },
    "all times": {
      path: "t",
      type: "file",
      mtime: 1,
      mtimeNs: 1,
      atime: 2,
      atimeNs: 20,
      ctime: 3,
      ctimeNs: 300,
    },
    "a device": { path: "d", type: "block", devMajor: 7, devMinor: 300 },
    "xattrs": { path: "x", type: "file", xattrs: new Map([["user.a", Uint8Array.of(0, 10, 255)]]) },
    "names": { path: "n", type: "file", uname: "root", gname: "wheel" },
  };
  for (const [name, init] of Object.entries(cases)) {
    await t.step(name, () => {
      const [found] = readTar(archive(init));
      for (const [key, value] of Object.entries(init)) {
        assert.deepEqual(found!.entry[key as keyof TarEntry], value, key);
      }
    });
  }
});

Deno.test("TarReader takes pieces of any size", () => {
  const bytes = archive(
    { path: "long".repeat(50), type: "file", content: new Uint8Array(1000).fill(1) },
    { path: "empty", type: "file" },
    { path: "b", type: "file", content: new Uint8Array(512).fill(2), mtimeNs: 5 },
  );
  for (const size of [1, 7, 511, 512, 513, 4096]) {
    const log: string[] = [];
    let content = 0;
    const reader = new TarReader({
      entry: (entry) => log.push(`${entry.path.length} ${entry.size}`),
      data: (part) => (content += part.reduce((a, b) => a + b, 0)),
      hole: () => assert.fail(),
    });
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
    reader.finish();
    assert.deepEqual([log, content], [["200 1000", "5 0", "1 512"], 1000 + 1024]);
  }
});

Deno.test("TarReader takes a path that ends in a slash for a directory, even in v7", () => {
  const header = patched(tarHeader({ path: "old/", type: "file" }), 156, "\0");
  assert.equal(readTar(join(header, TAR_END))[0]!.entry.type, "directory");
});

Deno.test("TarReader reads base-256 sizes past 8 GiB", () => {
  const header = tarHeader({ path: "big", type: "file" });
  const size = 9 * 2 ** 30;
  const field = [0x80, 0, 0, 0, 0, 0, 0, 2, 0x40, 0, 0, 0].map((b) => String.fromCharCode(b)).join(
    "",
  );
  const entries: number[] = [];
  const reader = new TarReader({
    entry: (entry) => entries.push(entry.size),
    data: () => {},
    hole: () => {},
  });
  reader.push(patched(header, 124, field));
  assert.deepEqual(entries, [size]);
  assert.throws(() => reader.finish(), /cut off/);
});

Deno.test("TarReader applies global PAX records to all entries after them", () => {
  const record = bytesOf("12 uid=1234\n"); // counts itself
  const global = patched(tarHeader({ path: "g", type: "file", size: record.length }), 156, "g");
  const bytes = join(
    global,
    record,
    tarPadding(record.length),
    archive({ path: "a", type: "file" }, { path: "b", type: "file", uid: 3_000_000 }),
  );
  assert.deepEqual(readTar(bytes).map(({ entry }) => entry.uid), [1234, 3_000_000]);
});

Deno.test("TarReader refuses", async (t) => {
  const good = archive({ path: "a", type: "file", content: new Uint8Array(600) });
  await t.step("a wrong checksum", () => {
    const bad = good.slice();
    bad[0] = 0x62;
    fails("bad-data", bad, /checksum/);
  });
  await t.step("an end within content, header or padding", () => {
    for (const length of [100, 512, 1000, 1112, 1500]) {
      fails("bad-data", good.slice(0, length), /cut off/);
    }
  });
  await t.step("an extended header of a gigabyte", () => {
    fails(
      "too-large",
      patched(tarHeader({ path: "p", type: "file", size: 2 ** 30 }), 156, "x"),
      /1048576/,
    );
  });
  await t.step("a name longer than the limit", () => {
    fails("too-large", archive({ path: "n".repeat(20_000), type: "file" }), /16384/);
  });
  await t.step(
    "a NUL within a name",
    () => fails("bad-data", archive({ path: `${"n".repeat(200)}\0x`, type: "file" }), /NUL/),
  );
  await t.step("an entry behind the end", () => {
    fails("bad-data", join(new Uint8Array(512), good), /follows a block of zeros/);
  });
  await t.step("an unknown type", () => {
    fails(
      "bad-data",
      patched(tarHeader({ path: "m", type: "file" }), 156, "M"),
      /unknown type "M"/,
    );
  });
  await t.step("a malformed PAX record", () => {
    for (const record of ["99 path=x\n", "path=x\n", "9 path=x", "6 path\n", "3 \n"]) {
      const body = bytesOf(record);
      const header = patched(tarHeader({ path: "p", type: "file", size: body.length }), 156, "x");
      fails("bad-data", join(header, body, tarPadding(body.length), good), /PAX/);
    }
  });
});

Deno.test("names are binary strings", () => {
  assert.equal(binaryOf("é"), "\xc3\xa9");
  assert.equal(textOf("\xc3\xa9"), "é");
  assert.equal(textOf("\xff"), "\ufffd");
});

Deno.test("TarReader answers random and mutated archives with entries or a CtrError, soon", () => {
  const seed = archive(
    { path: "dir", type: "directory" },
    { path: "f".repeat(150), type: "file", content: new Uint8Array(700).fill(7), mtimeNs: 7 },
    { path: "l", type: "symlink", linkTarget: "t".repeat(120) },
    { path: "x", type: "file", xattrs: new Map([["user.k", Uint8Array.of(1)]]) },
  );
  const tryIt = (bytes: Uint8Array) => {
    try {
      readTar(bytes);
    } catch (error) {
      if (!isCtrError(error)) throw error;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 4000 }), tryIt), { numRuns: 300 });
  const mutation = fc.tuple(fc.nat(seed.length - 1), fc.nat(255));
  fc.assert(
    fc.property(
      fc.array(mutation, { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      (mutations, mend) => {
        const bytes = seed.slice();
        for (const [at, value] of mutations) bytes[at] = value;
        for (let at = 0; mend && at + 512 <= bytes.length; at += 512) {
          // With checksums that are right the mutation gets further.
          if (seed[at + 257] === 0x75) bytes.set(patched(bytes.subarray(at, at + 512), 0, ""), at);
        }
        tryIt(bytes);
      },
    ),
    { numRuns: 3000 },
  );
});
