import { WordError } from "./failure.ts";

/** A pattern as shells have it in `${name#pattern}`: `*` any characters, `?` one, `\` takes `*`, `?`, `\` as they are. */
export type ShellPattern = readonly (string | typeof ANY | typeof ONE)[];

const ANY = Symbol("*");
const ONE = Symbol("?");
/** Positions times pattern: more than this is not a Dockerfile but an attack. */
const MOST_WORK = 64 * 1024 * 1024;

/** @throws {CtrError} `bad-data` for an escape that shells do not know. */
export function shellPattern(text: string): ShellPattern {
  const parts: (string | typeof ANY | typeof ONE)[] = [];
  const chars = [...text];
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at]!;
    if (char === "*") parts.push(ANY);
    else if (char === "?") parts.push(ONE);
    else if (char === "\\") {
      const next = chars[++at];
      if (next === undefined || !"*?\\}/".includes(next)) {
        throw new WordError(
          `the pattern "${text}" has an escape that means nothing: \\${next ?? ""}`,
        );
      }
      parts.push(next);
    } else parts.push(char);
  }
  return parts;
}

/** `${name#pattern}`, and `${name##pattern}` when `longest`. */
export function withoutPrefix(value: string, pattern: ShellPattern, longest: boolean): string {
  const chars = [...value];
  const end = matchEnds(chars, pattern, longest ? Math.max : least)[0]!;
  return end < 0 ? value : chars.slice(end).join("");
}

/** `${name%pattern}`, and `${name%%pattern}` when `longest`. */
export function withoutSuffix(value: string, pattern: ShellPattern, longest: boolean): string {
  const chars = [...value];
  const ends = matchEnds(chars, pattern, Math.max);
  const starts = ends.flatMap((end, start) => end === chars.length ? [start] : []);
  const start = longest ? starts[0] : starts.at(-1);
  return start === undefined ? value : chars.slice(0, start).join("");
}

/** `${name/pattern/replacement}`, and `${name//pattern/replacement}` when `all`. */
export function replaced(
  value: string,
  pattern: ShellPattern,
  replacement: string,
  all: boolean,
): string {
  if (pattern.length === 0) return value;
  const chars = [...value];
  const ends = matchEnds(chars, pattern, Math.max);
  let result = "";
  let at = 0;
  do {
    const end = ends[at]!;
    if (end < 0) {
      result += chars[at++] ?? "";
      continue;
    }
    result += replacement;
    if (!all || end === at) return result + chars.slice(end).join("");
    at = end;
  } while (at < chars.length);
  return result;
}

function least(a: number, b: number): number {
  return a < 0 ? b : b < 0 ? a : Math.min(a, b);
}

/**
 * Where a match that begins at each position ends, or -1; `better` chooses among several.
 *
 * From the last position back, so that it takes positions times pattern whatever the pattern is: a
 * regular expression would go back and forth for ever on `*a*a*a*b`.
 */
function matchEnds(
  chars: readonly string[],
  pattern: ShellPattern,
  better: (a: number, b: number) => number,
): number[] {
  if ((chars.length + 1) * (pattern.length + 1) > MOST_WORK) {
    throw new WordError("the value is too long for a pattern", undefined, "too-large");
  }
  const ends = new Array<number>(chars.length + 1);
  let later: number[] = [];
  for (let at = chars.length; at >= 0; at--) {
    const row = new Array<number>(pattern.length + 1);
    row[pattern.length] = at;
    for (let part = pattern.length - 1; part >= 0; part--) {
      const wanted = pattern[part]!;
      const next = at < chars.length ? later : undefined;
      if (wanted === ANY) row[part] = better(row[part + 1]!, next?.[part] ?? -1);
      else row[part] = next && (wanted === ONE || wanted === chars[at]) ? next[part + 1]! : -1;
    }
    ends[at] = row[0]!;
    later = row;
  }
  return ends;
}
