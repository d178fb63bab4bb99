import assert from "node:assert/strict";
import { parseTimeNs } from "./log_time.ts";

const NOW_MS = Date.parse("2026-02-01T00:00:00Z");
const at = (text: string) => parseTimeNs("--since", text, NOW_MS);

Deno.test("times of logs: calendar, Unix, and ago, to the nanosecond", () => {
  const noon = BigInt(Date.parse("2026-01-31T12:00:00Z")) * 1_000_000n;
  assert.equal(at("2026-01-31T12:00:00Z"), noon);
  assert.equal(at("2026-01-31T12:00:00.000000001Z"), noon + 1n);
  assert.equal(at("2026-01-31t14:00:00.5+02:00"), noon + 500_000_000n);
  assert.equal(at("2026-01-31 12:00Z"), noon);
  const local = (text: string) => BigInt(Date.parse(text)) * 1_000_000n;
  assert.equal(at("2026-01-31T12:00:00"), local("2026-01-31T12:00:00"));
  assert.equal(at("2026-01-31"), local("2026-01-31T00:00"));
  assert.equal(at("1769860800"), noon);
  assert.equal(at("1769860800.000000007"), noon + 7n);
  assert.equal(at("12h"), noon);
  assert.equal(at("11h60m"), noon);
  assert.equal(at("100000000d"), 0n);
});

Deno.test("what is no time is refused with the flag's name", () => {
  for (const text of ["", "yesterday", "2026-13-01", "2026-01-31T25:00:00Z", "-5m"]) {
    assert.throws(() => at(text), /cannot use --since ".*": want a time like/);
  }
  assert.throws(() => at("5parsecs"), /cannot read the duration/);
});
