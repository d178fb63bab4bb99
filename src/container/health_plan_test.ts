import assert from "node:assert/strict";
import { mergeHealth, probeArguments } from "./health_plan.ts";

const SECOND = 1_000_000_000;

Deno.test("a health check is the image's where nothing else was asked for, then the defaults", () => {
  const image = {
    Test: ["CMD-SHELL", "wget -q localhost"],
    Interval: 5 * SECOND,
    StartPeriod: 0,
    Retries: 2,
  };
  assert.deepEqual(mergeHealth({ retries: 7, timeoutMs: 1500 }, image), {
    test: ["CMD-SHELL", "wget -q localhost"],
    intervalMs: 5000,
    timeoutMs: 1500,
    startPeriodMs: 0,
    startIntervalMs: 5000,
    retries: 7,
  });
  assert.deepEqual(mergeHealth({ test: ["CMD", "true"] }, undefined), {
    test: ["CMD", "true"],
    intervalMs: 30_000,
    timeoutMs: 30_000,
    startPeriodMs: 0,
    startIntervalMs: 5000,
    retries: 3,
  });
});

Deno.test("NONE switches the image's health check off; without a test there is none", () => {
  const image = { Test: ["CMD", "true"] };
  assert.equal(mergeHealth({ test: ["NONE"] }, image), undefined);
  assert.equal(mergeHealth(undefined, { Test: ["NONE"] }), undefined);
  assert.equal(mergeHealth({ intervalMs: 5 }, undefined), undefined);
  assert.equal(mergeHealth(undefined, { Test: [] }), undefined);
});

Deno.test("a test of no known kind is refused from a user and ignored from an image", () => {
  for (const test of [["CMD"], ["CMD-SHELL", "a", "b"], ["curl", "x"], [""]]) {
    assert.throws(() => mergeHealth({ test }, undefined), /cannot use the health check/);
    assert.equal(mergeHealth(undefined, { Test: test }), undefined);
  }
});

Deno.test("a line goes to the shell, a command runs as it is", () => {
  const plan = (test: string[]) => mergeHealth({ test }, undefined)!;
  assert.deepEqual(probeArguments(plan(["CMD-SHELL", "a | b"])), ["/bin/sh", "-c", "a | b"]);
  assert.deepEqual(probeArguments(plan(["CMD", "a", "b"])), ["a", "b"]);
});
