import { parseDurationMs } from "../core/mod.ts";
import { usage } from "./errors.ts";

/**
 * Reads a moment: a date and time, Unix seconds, or how long ago.
 *
 * @returns Unix milliseconds.
 */
export function moment(flag: string, text: string, nowMs: number): number {
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const at = Date.parse(text);
    if (!Number.isNaN(at)) return at;
    throw usage(`cannot use ${flag} "${text}": want a time like 2026-01-31T12:00:00Z`);
  }
  if (/^\d{9,11}(\.\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  return Math.max(0, Math.round(nowMs - parseDurationMs(text)));
}
