import { WordError } from "./failure.ts";
import { replaced, shellPattern, withoutPrefix, withoutSuffix } from "./shell_pattern.ts";
import type { Lookup } from "./types.ts";

export interface ExpandOptions {
  readonly lookup: Lookup;
  /** The file's escape character. */
  readonly escape?: "\\" | "`";
  /** Told of every variable that is not set and for which nothing else is given (`:-`, `:+`, `:?`). */
  readonly onUnset?: (name: string) => void;
}

interface Mode extends ExpandOptions {
  /** Quotes are kept. */
  readonly rawQuotes?: boolean;
  /** Escape characters are kept. */
  readonly rawEscapes?: boolean;
  /** Quotes are characters like others. */
  readonly noQuotes?: boolean;
  /** What is not set stays as it is written. */
  readonly keepUnset?: boolean;
}

/** Longest text that a word may become: `ENV A=$A$A`, some dozen times, would have no end. */
const MOST_LENGTH = 1024 * 1024;
const MOST_DEPTH = 100;

/**
 * Puts values in the place of variables and takes quotes and escapes away.
 *
 * `$a`, `${a}`, `${a:-b}`, `${a-b}`, `${a:+b}`, `${a+b}`, `${a:?b}`, `${a?b}`, `${a#b}`, `${a##b}`, `${a%b}`,
 * `${a%%b}`, `${a/b/c}`, `${a//b/c}`. A variable that is not set is empty.
 *
 * @throws {CtrError} `bad-data`: what is wrong, without a place; `too-large`.
 */
export function expandWord(word: string, options: ExpandOptions): string {
  return new Lexer(word, options).run().text;
}

/** The same, and cut at white space that is not quoted, that of values included. */
export function expandWords(word: string, options: ExpandOptions): string[] {
  return new Lexer(word, options).run().words;
}

/** The same, but quotes are characters like others: contents of heredocs. */
export function expandRaw(text: string, options: ExpandOptions): string {
  return new Lexer(text, { ...options, noQuotes: true }).run().text;
}

/** Cuts at white space that is not quoted. Variables stay; quotes and escapes too when `raw`. */
export function shellWords(text: string, escape: "\\" | "`", raw: boolean): string[] {
  const mode = {
    lookup: () => undefined,
    escape,
    keepUnset: true,
    rawQuotes: raw,
    rawEscapes: raw,
  };
  return new Lexer(text, mode).run().words;
}

interface Expanded {
  readonly text: string;
  readonly words: string[];
}

class Lexer {
  readonly #chars: readonly string[];
  readonly #mode: Mode;
  readonly #escape: string;
  #at = 0;
  #rawEscapes: boolean;
  #depth = 0;

  constructor(text: string, mode: Mode) {
    this.#chars = [...text];
    this.#mode = mode;
    this.#escape = mode.escape ?? "\\";
    this.#rawEscapes = mode.rawEscapes ?? false;
  }

  run(): Expanded {
    return this.#until(undefined, this.#rawEscapes);
  }

  /** Up to `stop`, which is taken, or to the end. */
  #until(stop: string | undefined, rawEscapes: boolean): Expanded {
    const before = this.#rawEscapes;
    this.#rawEscapes = rawEscapes;
    if (++this.#depth > MOST_DEPTH) throw new WordError("variables are nested too deeply");
    const words = new Words();
    let text = "";
    while (this.#peek() !== undefined) {
      const char = this.#peek()!;
      if (char === stop) {
        this.#at++;
        this.#rawEscapes = before;
        this.#depth--;
        return { text, words: words.end() };
      }
      text += this.#piece(char, words);
      if (text.length > MOST_LENGTH) {
        throw new WordError("variables make it longer than 1 MiB", undefined, "too-large");
      }
    }
    if (stop !== undefined) throw new WordError(`a "${stop}" is missing`);
    return { text, words: words.end() };
  }

  #piece(char: string, words: Words): string {
    if (char === "$") {
      const value = this.#dollar();
      words.addSplit(value);
      return value;
    }
    if (!this.#mode.noQuotes && (char === "'" || char === '"')) {
      const value = char === "'" ? this.#singleQuoted() : this.#doubleQuoted();
      words.addWhole(value);
      return value;
    }
    this.#at++;
    if (char !== this.#escape) {
      words.addSplit(char);
      return char;
    }
    const kept = this.#rawEscapes ? char : "";
    const next = this.#next() ?? "";
    words.addWhole(kept + next, kept + next !== "");
    return kept + next;
  }

  #singleQuoted(): string {
    this.#at++;
    let text = "";
    for (let char; (char = this.#next()) !== "'"; text += char) {
      if (char === undefined) throw new WordError("a single quote (') is not closed");
    }
    return this.#mode.rawQuotes ? `'${text}'` : text;
  }

  #doubleQuoted(): string {
    this.#at++;
    let text = "";
    for (;;) {
      const char = this.#peek();
      if (char === undefined) throw new WordError('a double quote (") is not closed');
      if (char === "$") {
        text += this.#dollar();
        continue;
      }
      this.#at++;
      if (char === '"') return this.#mode.rawQuotes ? `"${text}"` : text;
      if (char !== this.#escape) {
        text += char;
        continue;
      }
      if (this.#rawEscapes) text += char;
      const next = this.#peek();
      if (next === undefined) continue;
      if (next === '"' || next === "$" || next === this.#escape) text += this.#next();
      else if (!this.#rawEscapes) text += char;
    }
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== "{") {
      const name = this.#name();
      return name === "" ? "$" : this.#value(name) ?? (this.#mode.keepUnset ? `$${name}` : "");
    }
    this.#at++;
    const first = this.#peek();
    if (first === undefined) throw new WordError('a "}" is missing behind "${"');
    if (first === "{" || first === "}" || first === ":") {
      throw new WordError(`"\${${first}" is not the beginning of a variable`);
    }
    const name = this.#name();
    const modifier = this.#next();
    if (modifier === "}") return this.#value(name) ?? (this.#mode.keepUnset ? `\${${name}}` : "");
    if (modifier === undefined) throw new WordError('a "}" is missing behind "${"');
    if (modifier === "/") return this.#replacement(name);
    return this.#modified(name, modifier);
  }

  #modified(name: string, first: string): string {
    const colon = first === ":";
    const modifier = colon ? this.#next() ?? "" : first;
    const written = colon ? `:${modifier}` : modifier;
    if (modifier === "" || !"-+?#%".includes(modifier)) {
      throw new WordError(
        `"\${${name}${written}" has a modifier that does not exist`,
        "there are :- - :+ + :? ? # ## % %% / and //",
      );
    }
    const pattern = modifier === "#" || modifier === "%";
    const word = this.#until("}", pattern).text;
    const value = this.#value(name, pattern);
    if (value === undefined && this.#mode.keepUnset) return `\${${name}${written}${word}}`;
    const missing = value === undefined || (colon && value === "");
    switch (modifier) {
      case "-":
        return missing ? word : value;
      case "+":
        return missing ? "" : word;
      case "?":
        if (!missing) return value;
        throw new WordError(
          `${name}: ${word || `is not allowed to be ${value === "" ? "empty" : "unset"}`}`,
        );
    }
    const longest = word.startsWith(modifier);
    const parts = shellPattern(longest ? word.slice(1) : word);
    return (modifier === "#" ? withoutPrefix : withoutSuffix)(value ?? "", parts, longest);
  }

  #replacement(name: string): string {
    const all = this.#peek() === "/";
    if (all) this.#at++;
    const pattern = this.#until("/", true).text;
    const by = this.#until("}", true).text;
    const value = this.#value(name);
    if (value === undefined && this.#mode.keepUnset) {
      return `\${${name}/${all ? "/" : ""}${pattern}/${by}}`;
    }
    return replaced(value ?? "", shellPattern(pattern), by, all);
  }

  /** Letters, digits and dashes below; digits alone; or one of the shell's own. */
  #name(): string {
    const first = this.#peek();
    if (first === undefined) return "";
    if ("@*#?-$!".includes(first)) return this.#next()!;
    const allowed = /\p{Nd}/u.test(first) ? /\p{Nd}/u : /[\p{L}\p{Nd}_]/u;
    let name = "";
    for (let char; (char = this.#peek()) !== undefined && allowed.test(char); this.#at++) {
      name += char;
    }
    return name;
  }

  #value(name: string, needed = true): string | undefined {
    const value = this.#mode.lookup(name);
    if (value === undefined && needed) this.#mode.onUnset?.(name);
    return value;
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #next(): string | undefined {
    return this.#chars[this.#at++];
  }
}

const SPACE = /\s/;

/** Collects words: white space ends one, unless it is quoted. */
class Words {
  readonly #words: string[] = [];
  #word = "";

  addSplit(text: string): void {
    for (const char of text) {
      if (SPACE.test(char)) this.#cut();
      else this.#word += char;
    }
  }

  addWhole(text: string, something = true): void {
    if (something) this.#word += text;
  }

  end(): string[] {
    this.#cut();
    return this.#words;
  }

  #cut(): void {
    if (this.#word !== "") this.#words.push(this.#word);
    this.#word = "";
  }
}
