import assert from "node:assert/strict";
import { CacheLocks } from "./cache_locks.ts";

/** What has been admitted so far, in order. */
function stand() {
  const locks = new CacheLocks();
  const admitted: string[] = [];
  const ends = new Map<string, () => void>();
  const ask = (who: string, alone: boolean, signal?: AbortSignal) =>
    locks.take("npm", alone, signal).then((end) => {
      admitted.push(who);
      ends.set(who, end);
    });
  return { locks, admitted, ask, end: (who: string) => ends.get(who)!() };
}

const turn = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("steps that share a cache have it together; one that locks it waits, and is not overtaken", async () => {
  const { locks, admitted, ask, end } = stand();
  await ask("a", false);
  await ask("b", false);
  const rest = [ask("locked", true), ask("c", false)];
  await turn();
  assert.deepEqual(admitted, ["a", "b"]);
  end("a");
  end("a"); // a second end is none
  await turn();
  assert.deepEqual(admitted, ["a", "b"]);
  end("b");
  await turn();
  assert.deepEqual(admitted, ["a", "b", "locked"]);
  end("locked");
  await Promise.all(rest);
  assert.equal(locks.inUse("npm"), true);
  end("c");
  assert.equal(locks.inUse("npm"), false);
});

Deno.test("who gives up waiting lets the next one in", async () => {
  const { locks, admitted, ask, end } = stand();
  await ask("a", false);
  const gone = new AbortController();
  const waiting = ask("locked", true, gone.signal);
  const behind = ask("b", false);
  gone.abort(new Error("cancelled"));
  await assert.rejects(waiting, /cancelled/);
  await behind;
  assert.deepEqual(admitted, ["a", "b"]);
  end("a");
  end("b");
  assert.equal(locks.inUse("npm"), false);
});
