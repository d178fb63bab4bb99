import { deepStrictEqual, match, ok } from "node:assert/strict";

export function assertEquals<T>(actual: T, expected: NoInfer<T>, message?: string): void {
  deepStrictEqual(actual, expected, message);
}

export function assertMatch(actual: string, expected: RegExp): void {
  match(actual, expected);
}

export function assert(condition: unknown, message?: string): asserts condition {
  ok(condition, message);
}
