import { WordError } from "./failure.ts";

/** One character, or one kind of gap. */
type Token =
  | { readonly kind: "char"; readonly char: string }
  | { readonly kind: "class"; readonly has: (char: string) => boolean }
  /** Any character but a slash. */
  | { readonly kind: "one" }
  /** Any number of them. */
  | { readonly kind: "some" }
  /** Nothing, or anything that ends in a slash. */
  | { readonly kind: "folders" }
  /** Anything. */
  | { readonly kind: "rest" };

export interface Glob {
  matches(path: string): boolean;
}

/** True for what must be looked for; else the text is the path itself. */
export function hasGlob(pattern: string): boolean {
  return /^(?:[^\\*?[]|\\[\s\S])*[*?[]/.test(pattern);
}

/**
 * Compiles a pattern: `*` and `?` stay within a folder, `[a-z]`, `[^a-z]`, `\` takes the next one as it is.
 *
 * It takes path times pattern to match, whatever the pattern is.
 *
 * @param deep `**` goes across folders, as in .dockerignore and COPY --parents; else it is a `*`.
 * @throws {CtrError} `bad-data`: what is wrong, without a place.
 */
export function compileGlob(pattern: string, { deep = false } = {}): Glob {
  const tokens = new Tokenizer(pattern, deep).run();
  const before = literals(tokens);
  if (before.length === tokens.length) {
    const text = before.join("");
    return { matches: (path) => path === text };
  }
  const beginning = before.join("");
  const end = literals(tokens.toReversed()).toReversed().join("");
  return {
    matches: (path) => path.startsWith(beginning) && path.endsWith(end) && walk(tokens, path),
  };
}

/** The characters at the beginning that stand for themselves. */
function literals(tokens: readonly Token[]): string[] {
  const chars: string[] = [];
  for (const token of tokens) {
    if (token.kind !== "char") break;
    chars.push(token.char);
  }
  return chars;
}

class Tokenizer {
  readonly #pattern: string;
  readonly #chars: readonly string[];
  readonly #deep: boolean;
  #at = 0;

  constructor(pattern: string, deep: boolean) {
    this.#pattern = pattern;
    this.#chars = [...pattern];
    this.#deep = deep;
  }

  run(): Token[] {
    const tokens: Token[] = [];
    while (this.#at < this.#chars.length) tokens.push(this.#token());
    return tokens;
  }

  #token(): Token {
    const char = this.#chars[this.#at++]!;
    switch (char) {
      case "*":
        return this.#star();
      case "?":
        return { kind: "one" };
      case "[":
        return { kind: "class", has: this.#class() };
      case "\\":
        return { kind: "char", char: this.#next() };
      default:
        return { kind: "char", char };
    }
  }

  #star(): Token {
    const folders = this.#deep && this.#chars[this.#at] === "*";
    while (this.#chars[this.#at] === "*") this.#at++; // more of them mean the same
    if (!folders) return { kind: "some" };
    if (this.#chars[this.#at] === "/") this.#at++;
    return { kind: this.#at >= this.#chars.length ? "rest" : "folders" };
  }

  #class(): (char: string) => boolean {
    const negated = this.#chars[this.#at] === "^";
    if (negated) this.#at++;
    const ranges: (readonly [string, string])[] = [];
    while (this.#chars[this.#at] !== "]" || ranges.length === 0) {
      const low = this.#classChar();
      if (this.#chars[this.#at] !== "-") ranges.push([low, low]);
      else {
        this.#at++;
        ranges.push([low, this.#classChar()]);
      }
    }
    this.#at++;
    return (char) => ranges.some(([low, high]) => low <= char && char <= high) !== negated;
  }

  #classChar(): string {
    const char = this.#next();
    if (char === "\\") return this.#next();
    if (char === "-" || char === "]") throw this.#malformed();
    return char;
  }

  #next(): string {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw this.#malformed();
    return char;
  }

  #malformed(): WordError {
    return new WordError(
      `the pattern "${this.#pattern}" is malformed`,
      "a [ has a ] behind it, and a \\ the character that it is about",
    );
  }
}

/** Goes through the path once, with all places of the pattern that may have been reached. */
function walk(tokens: readonly Token[], path: string): boolean {
  let places = new Set<number>();
  reach(tokens, places, 0, true);
  for (const char of path) {
    const next = new Set<number>();
    for (const place of places) {
      const token = tokens[place];
      if (!token || !takes(token, char)) continue;
      if (!isGap(token)) reach(tokens, next, place + 1, true);
      else reach(tokens, next, place, token.kind !== "folders" || char === "/");
    }
    if (next.size === 0) return false;
    places = next;
  }
  return places.has(tokens.length);
}

/** Adds a place, and those behind gaps that may be nothing. @param leave The gap there may end here. */
function reach(tokens: readonly Token[], places: Set<number>, place: number, leave: boolean): void {
  places.add(place);
  const token = tokens[place];
  if (token && isGap(token) && leave) reach(tokens, places, place + 1, true);
}

function isGap(token: Token): boolean {
  return token.kind === "some" || token.kind === "folders" || token.kind === "rest";
}

function takes(token: Token, char: string): boolean {
  switch (token.kind) {
    case "char":
      return token.char === char;
    case "class":
      return token.has(char);
    case "one":
    case "some":
      return char !== "/";
    case "folders":
    case "rest":
      return true;
  }
}
