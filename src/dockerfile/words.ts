import { WordError } from "./failure.ts";

/** Cuts at white space; quotes mean nothing. */
export function spaceWords(text: string): string[] {
  return text.split(/[\t\v\f\r ]+/).filter((word) => word !== "");
}

/**
 * Cuts at white space that is neither quoted nor escaped. Quotes and escapes stay.
 *
 * A quoted empty word is one.
 */
export function quotedWords(text: string, escape: "\\" | "`"): string[] {
  const words: string[] = [];
  let word = "";
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quote === "" && /\s/.test(char)) {
      if (word !== "") words.push(word);
      word = "";
      continue;
    }
    if (char === escape && quote !== "'") {
      if (at + 1 === text.length) break; // an escape at the end escapes nothing
      word += char + text[++at];
      continue;
    }
    if (quote === "" && (char === "'" || char === '"')) quote = char;
    else if (char === quote) quote = "";
    word += char;
  }
  if (word !== "") words.push(word);
  return words;
}

/**
 * Strings of a JSON array; undefined for anything that is not JSON.
 *
 * @throws {CtrError} `bad-data` for an array that has something else in it.
 */
export function jsonWords(text: string): string[] | undefined {
  if (!/^\s*\[/.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  if (value.every((each) => typeof each === "string")) return value;
  throw new WordError("a JSON array has something else than strings in it");
}

export interface RawFlag {
  readonly name: string;
  readonly value: string | undefined;
  /** Offsets in the text. */
  readonly from: number;
  readonly to: number;
}

/**
 * Takes `--name=value` words off the beginning, quotes off the values.
 *
 * @returns Them, and where the rest begins.
 */
export function leadingFlags(text: string): { flags: RawFlag[]; rest: number } {
  const flags: RawFlag[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && /\s/.test(text[at]!)) at++;
    if (!text.startsWith("--", at)) return { flags, rest: at };
    const from = at;
    let word = "";
    let quote = "";
    for (; at < text.length; at++) {
      const char = text[at]!;
      if (quote === "" && /\s/.test(char)) break;
      if (char === "\\" && at + 1 < text.length) word += text[++at];
      else if (quote === "" && (char === "'" || char === '"')) quote = char;
      else if (char === quote) quote = "";
      else word += char;
    }
    if (word === "--") return { flags, rest: at };
    const equals = word.indexOf("=");
    flags.push({
      name: word.slice(2, equals < 0 ? undefined : equals),
      value: equals < 0 ? undefined : word.slice(equals + 1),
      from,
      to: at,
    });
  }
}
