import { heredocWord } from "./heredoc.ts";
import { arrayOf, base, fail, failAt, type FlagKind, Flags, type Statement } from "./statement.ts";
import type { AddInstruction, CopyInstruction, FileInstruction, InlineFile } from "./types.ts";
import { spaceWords } from "./words.ts";

const SHARED: Readonly<Record<string, FlagKind>> = {
  chown: "text",
  chmod: "text",
  link: "boolean",
  exclude: "list",
};

export function readCopy(statement: Statement): CopyInstruction {
  const flags = new Flags(statement, { ...SHARED, from: "text", parents: "boolean" });
  const from = flags.text("from");
  if (from !== undefined && /\$./.test(from)) {
    throw fail(
      statement,
      "--from takes no variables",
      "begin a stage with FROM and the variable, and name that stage",
    );
  }
  return { ...base(statement), keyword: "COPY", ...files(statement, flags), from };
}

export function readAdd(statement: Statement): AddInstruction {
  const flags = new Flags(statement, {
    ...SHARED,
    checksum: "text",
    "keep-git-dir": "boolean",
    unpack: "boolean",
  });
  return {
    ...base(statement),
    keyword: "ADD",
    ...files(statement, flags),
    checksum: flags.text("checksum"),
    keepGitDir: flags.boolean("keep-git-dir") ?? false,
    unpack: flags.boolean("unpack"),
  };
}

type Files = Pick<
  FileInstruction,
  "sources" | "inline" | "destination" | "chown" | "chmod" | "link" | "parents" | "exclude"
>;

function files(statement: Statement, flags: Flags): Files {
  const words = arrayOf(statement) ?? spaceWords(statement.rest);
  if (words.length < 2) {
    const missing = words.length === 0 ? "no source and no destination" : "no destination";
    throw fail(statement, `${statement.keyword} has ${missing}`, "the last word is where files go");
  }
  const destination = words.at(-1)!;
  if (statement.json === undefined && heredocWord(destination)) {
    throw failAt(statement, destination, "a heredoc cannot be the destination");
  }
  return {
    ...sources(statement, words.slice(0, -1)),
    destination,
    chown: flags.text("chown"),
    chmod: flags.text("chmod"),
    link: flags.boolean("link") ?? false,
    parents: flags.boolean("parents") ?? false,
    exclude: flags.list("exclude"),
  };
}

function sources(
  statement: Statement,
  words: readonly string[],
): Pick<FileInstruction, "sources" | "inline"> {
  const sources: string[] = [];
  const inline: InlineFile[] = [];
  for (const word of words) {
    const announced = statement.json === undefined ? heredocWord(word) : undefined;
    const found = announced && statement.heredocs.find(({ name }) => name === announced.name);
    if (found) inline.push({ name: found.name, content: found.content, expand: found.expand });
    else sources.push(word);
  }
  return { sources, inline };
}
