import { arrayOf, base, fail, failAt, Flags, type Statement } from "./statement.ts";
import type {
  ArgInstruction,
  EnvInstruction,
  LabelInstruction,
  ListInstruction,
  Pair,
  ValueInstruction,
} from "./types.ts";
import { quotedWords, spaceWords } from "./words.ts";

export function readArg(statement: Statement): ArgInstruction {
  new Flags(statement, {});
  const words = quotedWords(statement.rest, statement.escape);
  if (words.length === 0) throw fail(statement, "ARG has no name");
  const args = words.map((word) => {
    const equals = word.indexOf("=");
    if (equals === 0) throw failAt(statement, word, `ARG "${word}" has no name before the =`);
    return equals < 0
      ? { name: word, value: undefined }
      : { name: word.slice(0, equals), value: word.slice(equals + 1) };
  });
  return { ...base(statement), keyword: "ARG", args };
}

export function readEnv(statement: Statement): EnvInstruction {
  return { ...base(statement), keyword: "ENV", ...pairs(statement) };
}

export function readLabel(statement: Statement): LabelInstruction {
  return { ...base(statement), keyword: "LABEL", ...pairs(statement) };
}

/** `name=value …`, or in the old form `name value`. */
function pairs(statement: Statement): { pairs: Pair[]; legacy: boolean } {
  new Flags(statement, {});
  const { rest, keyword } = statement;
  const words = quotedWords(rest, statement.escape);
  if (words.length === 0) throw fail(statement, `${keyword} has no name and no value`);
  if (!words[0]!.includes("=")) {
    const [, key = "", value = ""] = /^([^\t\v\f\r ]+)[\t\v\f\r ]*([\s\S]*)$/.exec(rest) ?? [];
    if (value === "") {
      throw failAt(statement, key, `${keyword} "${key}" has no value`, `write ${keyword} ${key}=…`);
    }
    return { pairs: [{ key, value }], legacy: true };
  }
  const found = words.map((word) => {
    const equals = word.indexOf("=");
    if (equals < 0) {
      const hint = "write name=value, and quotes around a value with spaces";
      throw failAt(statement, word, `${keyword} "${word}" has no =`, hint);
    }
    if (equals === 0) throw failAt(statement, word, `${keyword} "${word}" has no name`);
    return { key: word.slice(0, equals), value: word.slice(equals + 1) };
  });
  return { pairs: found, legacy: false };
}

export function readExpose(statement: Statement): ListInstruction {
  new Flags(statement, {});
  const values = spaceWords(statement.rest);
  if (values.length === 0) throw fail(statement, "EXPOSE has no port");
  return { ...base(statement), keyword: "EXPOSE", values };
}

export function readVolume(statement: Statement): ListInstruction {
  new Flags(statement, {});
  const values = arrayOf(statement) ?? spaceWords(statement.rest);
  if (values.length === 0) throw fail(statement, "VOLUME has no path");
  if (values.some((value) => value.trim() === "")) {
    throw fail(statement, "VOLUME has a path that is empty");
  }
  return { ...base(statement), keyword: "VOLUME", values };
}

export function readValue(
  statement: Statement,
  keyword: ValueInstruction["keyword"],
): ValueInstruction {
  new Flags(statement, {});
  if (statement.rest === "") throw fail(statement, `${keyword} has no value`);
  return { ...base(statement), keyword, value: statement.rest };
}
