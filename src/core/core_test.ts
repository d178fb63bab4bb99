import assert from "node:assert/strict";
import fc from "fast-check";
import { join } from "node:path";
import { writeFileAtomic } from "./atomic.ts";
import { withDeadline } from "./deadline.ts";
import { formatDuration, parseDurationMs } from "./durations.ts";
import { CtrError, EXIT_STATUS, exitStatusOf } from "./errors.ts";
import { lockFile } from "./locks.ts";
import { createLog } from "./log.ts";
import { formatSize, isBareNumber, parseSize } from "./sizes.ts";

async function folder() {
  const path = await Deno.makeTempDir({ prefix: "ctr-core-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("parseSize() counts in powers of 1024 and refuses what is not a size", () => {
  assert.equal(parseSize("512M"), 512 * 1024 ** 2);
  assert.equal(parseSize("1.5g"), 1.5 * 1024 ** 3);
  assert.equal(parseSize("64MiB"), 64 * 1024 ** 2);
  assert.equal(parseSize("4096"), 4096);
  for (const bad of ["", "M", "12X", "-1", "1e3", "99999999P"]) {
    assert.throws(
      () => parseSize(bad),
      (error) => error instanceof CtrError && error.code === "usage",
    );
  }
  assert.equal(isBareNumber("512"), true);
  assert.equal(isBareNumber("512M"), false);
});

Deno.test("formatSize() and parseSize() agree on whole units", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1023 }),
      fc.constantFrom("KiB", "MiB", "GiB"),
      (n, unit) => {
        assert.equal(formatSize(parseSize(`${n}${unit}`)), `${n} ${unit}`);
      },
    ),
  );
});

Deno.test("parseDurationMs() reads compound durations and bare seconds", () => {
  assert.equal(parseDurationMs("1h30m"), 5_400_000);
  assert.equal(parseDurationMs("250ms"), 250);
  assert.equal(parseDurationMs("10"), 10_000);
  for (const bad of ["", "5x", "m", "1h-2m", "ten"]) {
    assert.throws(() => parseDurationMs(bad), /cannot read the duration/);
  }
  assert.equal(formatDuration(95_000), "1m35s");
  assert.equal(formatDuration(250), "250ms");
});

Deno.test("exitStatusOf() leaves statuses below 125 to the container's process", () => {
  const usage = new CtrError("usage", "x");
  assert.equal(exitStatusOf(usage, false), EXIT_STATUS.usage);
  assert.equal(exitStatusOf(usage, true), 125);
  assert.equal(exitStatusOf(new CtrError("command-not-found", "x"), true), 127);
  assert.equal(exitStatusOf(new CtrError("not-executable", "x"), true), 126);
  assert.equal(exitStatusOf(new Error("x"), true), 125);
});

Deno.test("writeFileAtomic() replaces whole files and leaves no temporary one", async () => {
  await using home = await folder();
  const path = join(home.path, "record.json");
  await writeFileAtomic(path, "old");
  await writeFileAtomic(path, "new");
  assert.equal(await Deno.readTextFile(path), "new");
  assert.deepEqual([...Deno.readDirSync(home.path)].map((e) => e.name), ["record.json"]);
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
});

Deno.test("writeFileAtomic() that fails keeps the old file and removes its own", async () => {
  await using home = await folder();
  const path = join(home.path, "taken");
  await Deno.mkdir(path); // a folder cannot be replaced by a file
  await assert.rejects(writeFileAtomic(path, "new"));
  assert.deepEqual([...Deno.readDirSync(home.path)].map((e) => e.name), ["taken"]);
});

Deno.test("lockFile() admits one holder and gives up at its deadline", async () => {
  await using home = await folder();
  const path = join(home.path, "x.lock");
  const first = await lockFile(path, "the test", 100);
  await assert.rejects(
    lockFile(path, "the test", 30),
    (error) =>
      error instanceof CtrError && error.code === "timeout" && /the test/.test(error.message),
  );
  first[Symbol.dispose]();
  (await lockFile(path, "the test", 100))[Symbol.dispose]();
});

Deno.test("withDeadline() hands the work a signal that aborts with the timeout", async () => {
  const seen = Promise.withResolvers<unknown>();
  await assert.rejects(
    withDeadline("waiting for nothing", 20, (signal) => {
      signal.addEventListener("abort", () => seen.resolve(signal.reason));
      return new Promise(() => {});
    }),
    (error) =>
      error instanceof CtrError && error.code === "timeout" &&
      /waiting for nothing/.test(error.message),
  );
  assert.ok(await seen.promise instanceof CtrError);
  assert.equal(await withDeadline("nothing", 1000, () => Promise.resolve(7)), 7);
  const stopped = AbortSignal.abort(new Error("stopped"));
  await assert.rejects(withDeadline("x", 1000, () => new Promise(() => {}), stopped), /stopped/);
});

Deno.test("createLog() writes one line per message, whatever the fields hold", () => {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line), "info");
  log.debug("hidden");
  log.info("shown", { id: "abc", text: "two\nlines", error: new Error("no\nway") });
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /info shown id=abc text="two\\nlines" error="no\\nway"\n$/);
  assert.equal(lines[0]!.split("\n").length, 2);
});
