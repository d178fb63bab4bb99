import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import { isCtrError } from "../core/mod.ts";
import type { Ext4Entry } from "../ext4/mod.ts";
import { readTar, TAR_END, tarHeader, tarPadding } from "../tar/mod.ts";
import { labelsMatch } from "./label_filter.ts";
import { ANONYMOUS_LABEL, type VolumeReference, type Volumes } from "./mod.ts";
import { openVolumes } from "./mod.ts";
import { checkName } from "./names.ts";
import { DEFAULT_BYTES, mountOptions, readOptions } from "./options.ts";

const ONE = { id: "1", name: "one" };
const TWO = { id: "2", name: "two" };
const MIB = 1024 ** 2;

/** A home of volumes that can be opened again, as a new engine does. */
class Home implements AsyncDisposable {
  references: VolumeReference[] = [];
  #db: DatabaseSync | undefined;

  private constructor(readonly path: string) {}

  static async make(): Promise<Home> {
    return new Home(await Deno.makeTempDir());
  }

  async open(): Promise<Volumes> {
    this.#db?.close();
    this.#db = new DatabaseSync(join(this.path, "state.db"));
    const references = () => this.references;
    return await openVolumes({ home: this.path, db: this.#db, references });
  }

  folder(name: string): string {
    return join(this.path, "volumes", name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#db?.close();
    await Deno.remove(this.path, { recursive: true });
  }
}

function fails(work: () => unknown, code: string, text: RegExp): void {
  assert.throws(
    work,
    (error: unknown) => isCtrError(error) && error.code === code && text.test(error.message),
  );
}

async function rejects(work: Promise<unknown>, code: string, text: RegExp): Promise<void> {
  await assert.rejects(
    work,
    (error: unknown) => isCtrError(error) && error.code === code && text.test(error.message),
  );
}

async function collected(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of pieces) parts.push(piece.slice());
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function* archive(...files: [path: string, content: string][]): AsyncGenerator<Uint8Array> {
  for (const [path, content] of files) {
    const bytes = new TextEncoder().encode(content);
    yield tarHeader({ path, type: "file", size: bytes.length });
    yield bytes;
    yield tarPadding(bytes.length);
  }
  yield TAR_END;
}

Deno.test("names of volumes are Docker's", () => {
  for (const name of ["a", "A.b-c_d", "9", "x".repeat(255)]) checkName(name);
  for (const name of ["", "-a", ".a", "a/b", "a b", "..", "é", "x".repeat(256)]) {
    fails(() => checkName(name), "usage", /cannot use the volume name/);
  }
});

Deno.test("options are read, or refused with what is wrong", async (t) => {
  assert.deepEqual(readOptions({}), {
    type: "block",
    sizeBytes: DEFAULT_BYTES,
    journal: { mode: "ordered" },
  });
  assert.equal(readOptions({ size: "1G" }).sizeBytes, 1024 ** 3);
  assert.equal(readOptions({ size: "1048577" }).sizeBytes, MIB + 4096);
  assert.equal(readOptions({ size: "1m" }).journal, undefined);
  assert.deepEqual(readOptions({ journal: "journal:8m" }).journal, {
    mode: "journal",
    sizeBytes: 8 * MIB,
  });
  assert.equal(readOptions({ type: "shared" }).sizeBytes, undefined);
  const wrong: [Record<string, string>, RegExp][] = [
    [{ sise: "1g" }, /"sise": there is no such option/],
    [{ size: "1023k" }, /"1023k" is not between 1 MiB and 16 TiB/],
    [{ size: "16T" }, /is not between/],
    [{ size: "much" }, /cannot read the size/],
    [{ journal: "fast" }, /"fast" is none of ordered, writeback, journal/],
    [{ journal: "ordered:1k" }, /its size "1k"/],
    [{ size: "8m", journal: "ordered" }, /has no room for one/],
    [{ type: "remote" }, /neither block nor shared/],
    [{ type: "shared", size: "1g" }, /a folder of the host/],
  ];
  for (const [options, text] of wrong) {
    await t.step(JSON.stringify(options), () => fails(() => readOptions(options), "usage", text));
  }
});

Deno.test("a volume is mounted with its journal's mode, and read without a replay", () => {
  const config = { name: "a", labels: {}, options: {}, createdAt: "" };
  const of = (journal: string, readonly = false) =>
    mountOptions({ ...config, ...readOptions({ journal }) }, readonly);
  assert.deepEqual(of("ordered"), []);
  assert.deepEqual(of("writeback:8m"), ["data=writeback"]);
  assert.deepEqual(of("journal", true), ["ro", "noload"]);
});

Deno.test("labels are filtered as Docker does", () => {
  const labels = { a: "1", b: "" };
  for (const filter of ["label=a", "label=a=1", "label=b", "label=b=", "label!=c", "label!=a=2"]) {
    assert.ok(labelsMatch(labels, [filter]), filter);
  }
  for (const filter of ["label=c", "label=a=2", "label!=a", "label!=a=1"]) {
    assert.ok(!labelsMatch(labels, [filter]), filter);
  }
  fails(() => labelsMatch({}, ["name=x"]), "usage", /cannot use the filter "name=x"/);
});

Deno.test("a volume outlives the engine that made it", async () => {
  await using home = await Home.make();
  const first = await home.open();
  const made = await first.create({ name: "data", options: { size: "64m" }, labels: { a: "=b" } });
  const { name: anonymous } = await first.ensure({});
  assert.match(anonymous, /^[0-9a-f]{64}$/);
  const second = await home.open();
  assert.deepEqual(second.get("data"), made);
  assert.ok(ANONYMOUS_LABEL in second.get(anonymous).labels);
  const { configuration, status } = await second.describe("data");
  assert.equal(configuration.sizeInBytes, 64 * MIB);
  assert.ok(status.allocatedBytes < MIB, "it costs what is written");
  await rejects(second.create({ name: "data" }), "exists", /there is one/);
  await rejects(
    second.create({ name: "x", labels: { [ANONYMOUS_LABEL]: "" } }),
    "usage",
    /ctr's own/,
  );
});

Deno.test("ensure makes a volume once, and takes one only with the options that it has", async () => {
  await using home = await Home.make();
  const volumes = await home.open();
  const both = await Promise.all([volumes.ensure({ name: "a" }), volumes.ensure({ name: "a" })]);
  assert.deepEqual(both.map(({ created }) => created).sort(), [false, true]);
  assert.equal((await volumes.ensure({ name: "a", options: { type: "block" } })).created, false);
  await rejects(
    volumes.ensure({ name: "a", options: { type: "shared" } }),
    "conflict",
    /another type/,
  );
});

Deno.test("a block volume has one container that writes, or several that read", async () => {
  await using home = await Home.make();
  const volumes = await home.open();
  await volumes.create({ name: "a", options: { size: "64m" } });
  await volumes.attach("a", ONE, { readonly: false });
  await volumes.attach("a", ONE, { readonly: true }); // twice in one container
  const both = /cannot start "two": "one" uses the block volume "a"/;
  await rejects(volumes.attach("a", TWO, { readonly: false }), "conflict", both);
  await rejects(volumes.attach("a", TWO, { readonly: true }), "conflict", both);
  volumes.detach("1");
  await volumes.attach("a", ONE, { readonly: true });
  const shared = await volumes.attach("a", TWO, { readonly: true });
  assert.ok(shared.kind === "disk" && shared.disk.readonly);
  assert.deepEqual(shared.options, ["ro", "noload"]);
  volumes.detach("1");
  volumes.detach("2");
  volumes.adopt("a", TWO);
  await rejects(volumes.attach("a", ONE, { readonly: false }), "conflict", /"two" uses/);
});

Deno.test("who wants the volume of a container whose VM is ending waits for that", async () => {
  await using home = await Home.make();
  const volumes = await home.open();
  await volumes.create({ name: "a", options: { size: "64m" } });
  await volumes.attach("a", ONE, { readonly: false });
  volumes.ending("1");
  const order: string[] = [];
  const attached = volumes.attach("a", TWO, { readonly: false }).then(() => order.push("attached"));
  await new Promise((resolve) => setImmediate(resolve));
  order.push("ended");
  volumes.detach("1");
  await attached;
  assert.deepEqual(order, ["ended", "attached"]);
  volumes.ending("2");
  const removed = volumes.remove("a");
  volumes.detach("2");
  await removed;
});

Deno.test("a new engine gives no volume away before it knows who has it", async () => {
  await using home = await Home.make();
  const volumes = await home.open();
  await volumes.create({ name: "a", options: { size: "64m" } });
  const adopting = Promise.withResolvers<void>();
  volumes.adopting(adopting.promise);
  const refused = rejects(
    volumes.attach("a", TWO, { readonly: false }),
    "conflict",
    /"one" uses the block volume/,
  );
  volumes.adopt("a", ONE);
  adopting.resolve();
  await refused;
});

Deno.test("a shared volume has any number of containers", async () => {
  await using home = await Home.make();
  const volumes = await home.open();
  await volumes.create({ name: "a", options: { type: "shared" } });
  for (const user of [ONE, TWO]) {
    const attached = await volumes.attach("a", user, { readonly: false });
    assert.deepEqual(attached, {
      kind: "share",
      share: { path: join(home.folder("a"), "data"), readonly: false },
    });
  }
});

Deno.test("a volume that a container refers to stays", async () => {
  await using home = await Home.make();
  const volumes = await home.open();
  await volumes.create({ name: "a", options: { size: "64m" } });
  await volumes.create({ name: "b", options: { size: "64m" } });
  home.references = [{ ...ONE, volumes: ["a"] }];
  await rejects(volumes.remove("a"), "conflict", /cannot remove volume "a": "one" uses it/);
  await volumes.discard("a");
  assert.deepEqual((await volumes.prune()).removed, ["b"]);
  home.references = [];
  const { removed, reclaimedBytes } = await volumes.prune();
  assert.deepEqual(removed, ["a"]);
  assert.ok(reclaimedBytes > 0);
  await rejects(volumes.remove("a"), "not-found", /there is no such volume/);
  await volumes.remove("a", true);
  await volumes.ensure({ name: "c", options: { size: "64m" }, user: TWO });
  assert.deepEqual((await volumes.prune()).removed, [], "a container is being made with it");
  volumes.detach("2");
  assert.deepEqual((await volumes.prune()).removed, ["c"]);
});

Deno.test("nothing is done to the content of a volume that a container runs with", async () => {
  await using home = await Home.make();
  const volumes = await home.open();
  await volumes.create({ name: "a", options: { size: "64m" } });
  await volumes.attach("a", ONE, { readonly: false });
  const running = /volume "a": "one" is running with it/;
  await rejects(volumes.clone("a", "b"), "conflict", running);
  await rejects(collected(volumes.export("a")), "conflict", running);
  await rejects(volumes.import("a", archive(["f", "x"]), true), "conflict", running);
  await rejects(volumes.check("a"), "conflict", running);
  await rejects(volumes.resize("a", 128 * MIB), "conflict", running);
  volumes.detach("1");
  const reading = volumes.export("a");
  await reading.next();
  await rejects(
    volumes.attach("a", TWO, { readonly: false }),
    "conflict",
    /cannot start "two": volume "a" is being exported/,
  );
  await reading.return(undefined);
  await volumes.attach("a", TWO, { readonly: false });
});

for (const type of ["block", "shared"]) {
  Deno.test(`what is imported into a ${type} volume is exported again, cloned, and resized`, async () => {
    await using home = await Home.make();
    const volumes = await home.open();
    await volumes.create({ name: "a", options: { type } });
    await volumes.import("a", archive(["f", "one"], ["d/g", "two"]), false);
    await rejects(volumes.import("a", archive(), false), "invalid-state", /it is not empty/);
    await volumes.clone("a", "b");
    await volumes.import("a", archive(["h", "three"]), true);
    assert.deepEqual(await namesIn(volumes, "a"), ["h"]);
    assert.deepEqual(await namesIn(volumes, "b"), ["d/g", "f"]);
    assert.deepEqual((await volumes.check("b")).problems, []);
    if (type === "shared") {
      await rejects(volumes.resize("b", 128 * MIB), "unsupported", /has no size/);
      return;
    }
    await volumes.resize("b", 32 * MIB);
    assert.equal((await volumes.describe("b")).configuration.sizeInBytes, 32 * MIB);
    assert.deepEqual(await namesIn(volumes, "b"), ["d/g", "f"]);
    assert.deepEqual((await volumes.check("b")).problems, []);
    await volumes.import("b", archive(["big", "x".repeat(20 * MIB)]), true);
    await rejects(volumes.resize("b", 16 * MIB), "no-space", /its files and tables need/);
    assert.deepEqual(await namesIn(volumes, "b"), ["big"]);
    await rejects(
      volumes.import("b", archive(["bigger", "x".repeat(40 * MIB)]), true),
      "no-space",
      /more than the 32 MiB of the volume/,
    );
    assert.deepEqual(await namesIn(volumes, "b"), ["big"], "an import that fails changes nothing");
  });
}

async function namesIn(volumes: Volumes, name: string): Promise<string[]> {
  return readTar(await collected(volumes.export(name)))
    .filter(({ entry }) => entry.type === "file").map(({ entry }) => entry.path.slice(2)).sort();
}

Deno.test("an import of anything but an archive leaves nothing behind", async () => {
  await using home = await Home.make();
  const volumes = await home.open();
  const noise = async function* () {
    await Promise.resolve();
    yield new Uint8Array(4096).fill(7);
  };
  const named = /^cannot import into volume "new": a header's checksum is wrong/;
  await rejects(volumes.import("new", noise(), false), "bad-data", named);
  assert.equal(volumes.has("new"), false);
  assert.deepEqual(await volumes.problems(), []);
});

Deno.test("an archive writes nothing outside a shared volume", async () => {
  await using home = await Home.make();
  const volumes = await home.open();
  await volumes.create({ name: "a", options: { type: "shared" } });
  const evil = async function* (...entries: Partial<Ext4Entry>[]) {
    await Promise.resolve();
    for (const entry of entries) yield tarHeader(entry as never);
    yield TAR_END;
  };
  const link = { path: "out", type: "symlink", linkTarget: home.path } as const;
  await rejects(
    volumes.import("a", evil(link, { path: "out/file", type: "file" }), false),
    "bad-data",
    /"out" is no folder/,
  );
  await rejects(volumes.import("a", evil({ path: "../x", type: "file" }), false), "bad-data", /./);
  const hard = { path: "x", type: "hardlink", linkTarget: "../../volume.json" } as const;
  await rejects(volumes.import("a", evil(hard), false), "bad-data", /./);
  assert.deepEqual(await namesIn(volumes, "a"), []);
});

Deno.test("folders and records agree after any loss", async () => {
  await using home = await Home.make();
  const first = await home.open();
  for (const name of ["kept", "lost", "orphan"]) {
    await first.create({ name, options: { size: "64m" } });
  }
  await Deno.remove(home.folder("lost"), { recursive: true });
  await Deno.mkdir(home.folder(".new-x")); // killed while it was made
  await Deno.rename(home.folder("orphan"), home.folder(".gone-x")); // killed while it was removed
  await Deno.writeTextFile(join(home.folder("kept"), "disk.ext4.1234.tmp"), ""); // … or replaced
  const second = await home.open();
  assert.deepEqual(second.list().map(({ name }) => name), ["kept", "lost"]);
  assert.deepEqual(await second.problems(), ['volume "lost": its files are gone']);
  await rejects(second.attach("lost", ONE, { readonly: false }), "bad-data", /its files are gone/);
  assert.deepEqual(await second.forgetLost(), ["lost"]);
  assert.deepEqual(await second.problems(), []);
  assert.deepEqual(
    (await Array.fromAsync(Deno.readDir(home.folder("kept")))).map(({ name }) => name).sort(),
    ["disk.ext4", "volume.json"],
  );
  await Deno.remove(join(home.path, "state.db")); // the folders say all
  assert.deepEqual((await home.open()).list().map(({ name }) => name), ["kept"]);
});

Deno.test("storms of names end in records and folders that agree", async () => {
  const step = fc.record({
    what: fc.constantFrom("create", "remove", "ensure", "clone", "attach", "detach", "prune"),
    name: fc.constantFrom("a", "b"),
    other: fc.constantFrom("a", "b", "c"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await using home = await Home.make();
      const volumes = await home.open();
      const all = await Promise.allSettled(steps.map(async ({ what, name, other }) => {
        const options = { size: "16m" };
        if (what === "create") await volumes.create({ name, options });
        if (what === "remove") await volumes.remove(name);
        if (what === "ensure") await volumes.ensure({ name, options });
        if (what === "clone") await volumes.clone(name, other);
        if (what === "attach") await volumes.attach(name, ONE, { readonly: false });
        if (what === "detach") volumes.detach("1");
        if (what === "prune") await volumes.prune();
      }));
      for (const each of all) {
        if (each.status === "rejected") assert.ok(isCtrError(each.reason), String(each.reason));
      }
      assert.deepEqual(await volumes.problems(), []);
      const names = volumes.list();
      assert.deepEqual((await home.open()).list(), names);
    }),
    { numRuns: 25 },
  );
});
