import { DockerfileError } from "./failure.ts";
import { readHeredocs } from "./heredoc.ts";
import type { LineReader, LogicalLine } from "./lines.ts";
import type { Flag, Heredoc, InstructionBase, Range } from "./types.ts";
import { jsonWords, leadingFlags } from "./words.ts";
import { didYouMean } from "./suggest.ts";

/** An instruction that has been cut into keyword, flags and the rest, and not understood yet. */
export interface Statement {
  readonly file: string;
  readonly escape: "\\" | "`";
  readonly line: LogicalLine;
  /** As written. */
  readonly word: string;
  /** In upper case. */
  readonly keyword: string;
  readonly flags: readonly Flag[];
  /** What stands behind keyword and flags. */
  readonly rest: string;
  /** Where `rest` begins in `line.text`. */
  readonly restAt: number;
  /** Keyword and all behind it, in one line. */
  readonly text: string;
  /** `rest` if it is a JSON array of strings. */
  readonly json: readonly string[] | undefined;
  readonly heredocs: readonly Heredoc[];
  /** The heredocs as they stand in the file. */
  readonly rawHeredocs: string;
  readonly range: Range;
  readonly original: string;
  readonly comments: readonly string[];
}

const WITH_HEREDOCS = ["RUN", "COPY", "ADD"];

/** Cuts a line, from `at` on, and reads the heredocs that it announces. */
export function readStatement(
  reader: LineReader,
  line: LogicalLine,
  { file, escape, comments }: Pick<Statement, "file" | "escape" | "comments">,
): Statement {
  const cut = cutStatement({ file, escape, comments, line }, 0);
  const nested = cut.keyword === "ONBUILD" ? cutStatement(cut, cut.restAt) : cut;
  const { heredocs, raw } = WITH_HEREDOCS.includes(nested.keyword) && nested.json === undefined
    ? readHeredocs(reader, line, file)
    : { heredocs: [], raw: "" };
  const start = line.position(0);
  return {
    ...cut,
    heredocs,
    rawHeredocs: raw,
    range: { start, end: reader.end() },
    original: reader.text(line.firstLine, reader.line).slice(start.column - 1),
  };
}

/** The instruction behind ONBUILD: its heredocs are those of the whole. */
export function nestedStatement(outer: Statement): Statement {
  return { ...outer, ...cutStatement(outer, outer.restAt) };
}

function cutStatement(
  context: Pick<Statement, "file" | "escape" | "line" | "comments">,
  at: number,
): Statement {
  const text = context.line.text.slice(at).trimEnd();
  const [word = ""] = /^\S+/.exec(text) ?? [];
  const { flags, rest } = leadingFlags(text.slice(word.length));
  const restAt = at + word.length + rest;
  const body = text.slice(word.length + rest).trim();
  return {
    ...context,
    word,
    keyword: word.toUpperCase(),
    flags: flags.map(({ name, value, from, to }) => ({
      name,
      value,
      range: context.line.range(at + word.length + from, at + word.length + to),
    })),
    rest: body,
    restAt,
    text,
    json: tolerantJson(body),
    heredocs: [],
    rawHeredocs: "",
    range: context.line.range(at, at + text.length),
    original: text,
  };
}

/** An array with something else in it is told where arrays are understood. */
function tolerantJson(text: string): readonly string[] | undefined {
  try {
    return jsonWords(text);
  } catch {
    return undefined;
  }
}

/** What every instruction has of it. */
export function base(statement: Statement): Omit<InstructionBase, "keyword"> {
  const { range, original, text, flags, heredocs, comments } = statement;
  return { range, original, text, flags, heredocs, comments };
}

export function fail(
  { file, range }: Pick<Statement, "file" | "range">,
  fact: string,
  hint?: string,
): DockerfileError {
  return new DockerfileError(file, range, fact, { hint });
}

/** Fails at a part of the rest. */
export function failAt(
  statement: Statement,
  part: string,
  fact: string,
  hint?: string,
): DockerfileError {
  const found = statement.line.text.indexOf(part, statement.restAt);
  if (found < 0 || part === "") return fail(statement, fact, hint);
  const range = statement.line.range(found, found + part.length);
  return new DockerfileError(statement.file, range, fact, { hint });
}

/** Strings of a JSON array; undefined for what is none. @throws {CtrError} `bad-data` */
export function arrayOf(
  statement: Statement,
  text: string = statement.rest,
): readonly string[] | undefined {
  try {
    return jsonWords(text);
  } catch {
    throw fail(
      statement,
      `the array of ${statement.keyword} has something else than strings in it`,
      "put every word in double quotes",
    );
  }
}

/** How often a flag may be there, and whether it may do without a value. */
export type FlagKind = "text" | "boolean" | "list";

/** The flags of an instruction by their names. */
export class Flags {
  readonly #statement: Statement;

  /** @throws {CtrError} `bad-data` for one that the instruction does not have, or has twice. */
  constructor(statement: Statement, known: Readonly<Record<string, FlagKind>>) {
    this.#statement = statement;
    const seen = new Set<string>();
    for (const flag of statement.flags) {
      const kind = Object.hasOwn(known, flag.name) ? known[flag.name] : undefined;
      if (kind === undefined) {
        const names = Object.keys(known);
        const hint = didYouMean(flag.name, names)?.replace("mean ", "mean --") ??
          (names.length > 0
            ? `there are ${names.map((name) => `--${name}`).join(", ")}`
            : undefined);
        throw this.#fail(flag, `${statement.keyword} has no flag --${flag.name}`, hint);
      }
      if (kind !== "list" && seen.has(flag.name)) {
        throw this.#fail(flag, `--${flag.name} is there twice`);
      }
      if (kind !== "boolean" && flag.value === undefined) {
        throw this.#fail(flag, `--${flag.name} has no value`, `write --${flag.name}=…`);
      }
      if (kind === "boolean" && !/^(true|false)$/.test(flag.value ?? "true")) {
        throw this.#fail(flag, `--${flag.name} is "${flag.value}"`, "it is true or false");
      }
      seen.add(flag.name);
    }
  }

  text(name: string): string | undefined {
    return this.#find(name)?.value;
  }

  boolean(name: string): boolean | undefined {
    const flag = this.#find(name);
    return flag && flag.value !== "false";
  }

  list(name: string): string[] {
    return this.#statement.flags.filter((flag) => flag.name === name)
      .map((flag) => flag.value ?? "");
  }

  /** One of some words. */
  word<const W extends string>(name: string, words: readonly W[]): W | undefined {
    const flag = this.#find(name);
    if (!flag) return undefined;
    const found = words.find((word) => word === flag.value);
    if (found !== undefined) return found;
    throw this.#fail(flag, `--${name} is "${flag.value}"`, `want ${words.join(" or ")}`);
  }

  /** @param read Throws what is wrong, without a place. */
  read<T>(name: string, read: (value: string) => T): T | undefined {
    const flag = this.#find(name);
    if (flag?.value === undefined) return undefined;
    try {
      return read(flag.value);
    } catch (error) {
      throw this.#fail(flag, `--${name} ${error instanceof Error ? error.message : error}`);
    }
  }

  #find(name: string): Flag | undefined {
    return this.#statement.flags.find((flag) => flag.name === name);
  }

  #fail(flag: Flag, fact: string, hint?: string): DockerfileError {
    return new DockerfileError(this.#statement.file, flag.range, fact, { hint });
  }
}
