import assert from "node:assert/strict";
import { afterEnd, afterReturn, NO_RESTARTS, type RestartRecord } from "./restart_policy.ts";

const policy = (name: "no" | "on-failure" | "always" | "unless-stopped", maximumRetries = 0) => ({
  name,
  maximumRetries,
});
const end = (status: number, ranMs = 0) => ({ status, ranMs, atMs: 1_000_000 });

Deno.test("the back-off doubles from 100 ms to a minute, and begins anew after a good run", () => {
  let record: RestartRecord = NO_RESTARTS;
  const delays = Array.from({ length: 12 }, () => {
    record = afterEnd(policy("always"), record, end(0));
    return record.delayMs;
  });
  assert.deepEqual(delays, [
    100,
    200,
    400,
    800,
    1600,
    3200,
    6400,
    12_800,
    25_600,
    51_200,
    60_000,
    60_000,
  ]);
  assert.equal(record.nextAtMs, 1_060_000);
  assert.equal(afterEnd(policy("always"), record, end(0, 10_000)).delayMs, 100);
});

Deno.test("each policy starts what it says and nothing else", () => {
  const due = (...[wanted, before, status]: [ReturnType<typeof policy>, RestartRecord, number]) =>
    afterEnd(wanted, before, end(status)).nextAtMs !== undefined;
  const stopped = { ...NO_RESTARTS, stopped: "boot" };
  assert.deepEqual([due(policy("no"), NO_RESTARTS, 1), due(policy("no"), NO_RESTARTS, 0)], [
    false,
    false,
  ]);
  for (const name of ["always", "unless-stopped"] as const) {
    assert(due(policy(name), NO_RESTARTS, 0));
    assert(due(policy(name), NO_RESTARTS, 1));
    assert(!due(policy(name), stopped, 1));
  }
  assert(!due(policy("on-failure"), NO_RESTARTS, 0));
  assert(due(policy("on-failure"), { ...NO_RESTARTS, count: 99 }, 1));
  assert(due(policy("on-failure", 3), { ...NO_RESTARTS, count: 2 }, 1));
  assert(!due(policy("on-failure", 3), { ...NO_RESTARTS, count: 3 }, 1));
  assert(!due(policy("on-failure"), stopped, 1));
});

Deno.test("always outlasts a stop by hand when the host was booted anew, and no other does", () => {
  const stopped = { ...NO_RESTARTS, stopped: "before" };
  const now = { bootId: "after", atMs: 5 };
  assert.equal(afterReturn(policy("always"), stopped, now).nextAtMs, 5);
  assert.equal(afterReturn(policy("always"), stopped, { bootId: "before", atMs: 5 }), stopped);
  assert.equal(afterReturn(policy("unless-stopped"), stopped, now), stopped);
  assert.equal(afterReturn(policy("always"), NO_RESTARTS, now), NO_RESTARTS);
});
