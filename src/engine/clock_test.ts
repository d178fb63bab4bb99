import assert from "node:assert/strict";
import { ClockWatch } from "./clock.ts";

Deno.test("guests are told the time", async (t) => {
  let wall = 1_000_000, steady = 0, told = 0;
  const pass = (wallMs: number, steadyMs = wallMs) => {
    wall += wallMs;
    steady += steadyMs;
    watch.look();
    return told;
  };
  const watch = new ClockWatch(() => told++, { wall: () => wall, steady: () => steady });
  await t.step("not before a minute has passed", () => assert.equal(pass(59_000), 0));
  await t.step("every minute", () => {
    assert.equal(pass(2000), 1);
    assert.equal(pass(2000), 1);
    assert.equal(pass(60_000), 2);
  });
  await t.step("at once when the host wakes up", () => assert.equal(pass(3_600_000, 2000), 3));
  await t.step("at once when its clock is set back", () => assert.equal(pass(-5000, 2000), 4));
  await t.step("not for a clock that is slewed", () => assert.equal(pass(2100, 2000), 4));
  watch.close();
});
