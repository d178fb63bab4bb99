import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { listSegments, segmentName } from "./log_format.ts";
import { logEnd, readLog, readTail } from "./log_reader.ts";
import { LogWriter } from "./log_writer.ts";

const SMALL = { segmentBytes: 400, segments: 1000 };

function text(records: Iterable<{ data: Uint8Array }>): string {
  const decoder = new TextDecoder();
  let all = "";
  for (const { data } of records) all += decoder.decode(data, { stream: true });
  return all;
}

function writeLines(folder: string, run: number, lines: readonly string[], limits = SMALL): void {
  using log = new LogWriter(folder, run, limits);
  for (const line of lines) log.append(1, log.end, new TextEncoder().encode(line));
}

async function withFolder(work: (folder: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a log that was cut at any byte goes on without a gap and without a double", async () => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 90 }), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.nat(), fc.boolean(), async (all, cut, garbage) => {
      await withFolder((folder) => {
        const whole = new Uint8Array(all.flatMap((piece) => [...piece]));
        {
          using log = new LogWriter(folder, 1, SMALL);
          for (const piece of all) log.append(1, log.end, piece);
        }
        const last = join(folder, listSegments(folder).at(-1)!.name);
        const size = Deno.statSync(last).size;
        Deno.truncateSync(last, cut % (size + 1));
        if (garbage) {
          Deno.writeFileSync(last, new Uint8Array([0x43, 0x54, 0x52, 0x31, 0, 9]), {
            append: true,
          });
        }
        {
          using log = new LogWriter(folder, 1, SMALL);
          assert(log.end <= whole.length);
          log.append(2, log.end, whole.subarray(log.end));
        }
        const read = [...readLog(folder)].flatMap((record) => [...record.data]);
        assert.deepEqual(read, [...whole]);
        assert.deepEqual(logEnd(folder), { run: 1, offset: whole.length });
      });
    }),
    { numRuns: 150 },
  );
});

Deno.test("output that is repeated after a restart is kept once", async () => {
  await withFolder((folder) => {
    using log = new LogWriter(folder, 1);
    const bytes = new TextEncoder().encode("0123456789");
    log.append(1, 0, bytes.subarray(0, 6));
    assert.equal(text([{ data: log.append(1, 2, bytes.subarray(2))! }]), "6789");
    assert.equal(log.append(1, 0, bytes), undefined);
    assert.throws(() => log.append(1, 11, bytes), /goes on at 11, not at 10/);
    assert.equal(text(readLog(folder)), "0123456789");
  });
});

Deno.test("a log keeps as many segments as it may, the newest", async () => {
  await withFolder((folder) => {
    const lines = Array.from({ length: 1000 }, (_, n) => `line ${n}\n`);
    writeLines(folder, 1, lines, { segmentBytes: 4096, segments: 3 });
    assert.equal(listSegments(folder).length, 3);
    assert.equal(text(readLog(folder)).endsWith(lines.slice(-100).join("")), true);
  });
});

Deno.test("a log is read from any offset", async () => {
  await withFolder((folder) => {
    const lines = Array.from({ length: 60 }, (_, n) => `line ${n}\n`);
    writeLines(folder, 3, lines);
    const whole = lines.join("");
    for (let offset = 0; offset <= whole.length; offset += 7) {
      assert.equal(text(readLog(folder, { run: 3, offset })), whole.slice(offset));
    }
    assert.equal(text(readLog(folder, { run: 4, offset: 0 })), "");
  });
});

Deno.test("the tail of a log is its last lines, across segments and runs", async () => {
  await withFolder((folder) => {
    const first = Array.from({ length: 40 }, (_, n) => `first ${n}\n`);
    const second = Array.from({ length: 40 }, (_, n) => `second ${n}\n`);
    writeLines(folder, 1, first);
    writeLines(folder, 2, [...second, "no line feed"]);
    const lines = [...first, ...second, "no line feed"];
    for (const count of [0, 1, 2, 39, 41, 42, 60, 81, 500]) {
      assert.equal(
        text(readTail(folder, count).records),
        count === 0 ? "" : lines.slice(-count).join(""),
      );
    }
  });
});

Deno.test("the tail counts what is wanted alone, and ends behind everything", async () => {
  await withFolder((folder) => {
    {
      using log = new LogWriter(folder, 1, SMALL);
      for (let n = 0; n < 60; n++) {
        log.append(n % 3 === 0 ? 2 : 1, log.end, new TextEncoder().encode(`line ${n}\n`));
      }
    }
    const { records, end } = readTail(folder, 2, (record) => record.stream === 2);
    assert.equal(text(records), "line 54\nline 57\n");
    assert.deepEqual(end, logEnd(folder));
    assert.deepEqual(readTail(folder, 5, () => false), { records: [], end: logEnd(folder) });
  });
});

Deno.test("what a full disk does not take is missing in a log, which goes on behind it", async () => {
  await withFolder((folder) => {
    using log = new LogWriter(folder, 1, SMALL);
    const bytes = (text: string) => new TextEncoder().encode(text);
    Deno.symlinkSync("/dev/full", join(folder, segmentName(1, 0)));
    assert.ok(log.append(1, 0, bytes("lost\n")));
    assert.equal(log.end, 5);
    assert.deepEqual(listSegments(folder), []);
    log.append(1, 5, bytes("kept\n"));
    assert.equal(text(readLog(folder)), "kept\n");
    using again = new LogWriter(folder, 1, SMALL);
    assert.equal(again.end, 10);
  });
});
