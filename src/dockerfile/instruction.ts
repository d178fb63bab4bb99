import { readCommand, readHealthcheck, readRun, readShell } from "./command_instructions.ts";
import { readAdd, readCopy } from "./file_instructions.ts";
import {
  readArg,
  readEnv,
  readExpose,
  readLabel,
  readValue,
  readVolume,
} from "./metadata_instructions.ts";
import { base, fail, failAt, Flags, nestedStatement, type Statement } from "./statement.ts";
import { didYouMean } from "./suggest.ts";
import type { OnbuildInstruction, Stage, StageInstruction } from "./types.ts";
import { spaceWords } from "./words.ts";

const READERS: Readonly<Record<string, (statement: Statement) => StageInstruction>> = {
  ADD: readAdd,
  ARG: readArg,
  CMD: (statement) => readCommand(statement, "CMD"),
  COPY: readCopy,
  ENTRYPOINT: (statement) => readCommand(statement, "ENTRYPOINT"),
  ENV: readEnv,
  EXPOSE: readExpose,
  HEALTHCHECK: readHealthcheck,
  LABEL: readLabel,
  MAINTAINER: (statement) => readValue(statement, "MAINTAINER"),
  ONBUILD: readOnbuild,
  RUN: readRun,
  SHELL: readShell,
  STOPSIGNAL: (statement) => readValue(statement, "STOPSIGNAL"),
  USER: (statement) => readValue(statement, "USER"),
  VOLUME: readVolume,
  WORKDIR: (statement) => readValue(statement, "WORKDIR"),
};

/** @throws {CtrError} `bad-data` with the place of what is wrong. */
export function readInstruction(statement: Statement): StageInstruction {
  const { keyword, word } = statement;
  const read = Object.hasOwn(READERS, keyword) ? READERS[keyword] : undefined;
  if (read) return read(statement);
  const hint = didYouMean(word, ["FROM", ...Object.keys(READERS)]);
  const at = statement.line.text.indexOf(word);
  const range = statement.line.range(at, at + word.length);
  throw fail({ file: statement.file, range }, `there is no instruction "${word}"`, hint);
}

function readOnbuild(statement: Statement): OnbuildInstruction {
  new Flags(statement, {});
  const nested = nestedStatement(statement);
  if (nested.keyword === "") throw fail(statement, "ONBUILD has no instruction");
  if (["ONBUILD", "FROM", "MAINTAINER"].includes(nested.keyword)) {
    throw failAt(statement, nested.word, `${nested.keyword} cannot follow ONBUILD`);
  }
  return {
    ...base(statement),
    keyword: "ONBUILD",
    trigger: nested.text + statement.rawHeredocs,
    instruction: readInstruction(nested),
  };
}

type From = Omit<Stage, "index" | "instructions">;

/** @throws {CtrError} `bad-data` */
export function readFrom(statement: Statement): From {
  const platform = new Flags(statement, { platform: "text" }).text("platform");
  const [image, as, name, ...more] = spaceWords(statement.rest);
  const { range, original, text, comments, file } = { ...base(statement), file: statement.file };
  if (image === undefined) throw fail({ file, range }, "FROM has no image");
  const wrong = as !== undefined && as.toUpperCase() !== "AS";
  if (wrong || (as !== undefined && name === undefined) || more.length > 0) {
    throw failAt(
      statement,
      as!,
      `FROM has more than an image: "${as}"`,
      "write FROM image AS name",
    );
  }
  if (name !== undefined && !/^[a-z][a-z0-9._-]*$/i.test(name)) {
    throw failAt(
      statement,
      name,
      `a stage cannot be named "${name}"`,
      "a name has letters, digits, dots, dashes and underscores, and begins with a letter",
    );
  }
  return {
    name: name?.toLowerCase(),
    writtenName: name,
    base: image,
    platform,
    comments,
    words: { from: statement.word, as },
    range,
    original,
    text,
  };
}
