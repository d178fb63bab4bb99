import { parseDurationMs } from "../core/mod.ts";
import { usage } from "./errors.ts";

const CALENDAR =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?)?$/i;

/**
 * Reads a time: RFC 3339 (without a zone it is ours, without a time of day midnight), Unix seconds, or
 * a duration before `nowMs`.
 *
 * @returns Unix nanoseconds.
 * @throws {CtrError} `usage` that names `flag`.
 */
export function parseTimeNs(flag: string, text: string, nowMs: number): bigint {
  const calendar = CALENDAR.exec(text);
  if (calendar) {
    const [, day, time = "00:00", fraction = "", zone = ""] = calendar;
    const at = Date.parse(`${day}T${time}${zone.toUpperCase()}`);
    if (!Number.isNaN(at) && at >= 0) return BigInt(at) * 1_000_000n + nanoseconds(fraction);
  }
  const unix = /^(\d{9,12})(?:\.(\d{1,9}))?$/.exec(text);
  if (unix) return BigInt(unix[1]!) * 1_000_000_000n + nanoseconds(unix[2] ?? "");
  const duration = /^\d+(\.\d+)?([a-z].*)?$/.test(text) && !calendar;
  if (duration) {
    const at = Math.round(nowMs - parseDurationMs(text));
    return BigInt(Math.max(0, at)) * 1_000_000n;
  }
  throw usage(
    `cannot use ${flag} "${text}": want a time like 2026-01-31T12:00:00Z, Unix seconds, or a ` +
      "duration ago such as 10m",
  );
}

function nanoseconds(fraction: string): bigint {
  return BigInt(fraction.padEnd(9, "0"));
}
