import { DockerfileError } from "./failure.ts";
import type { CheckDirective, Directives } from "./types.ts";

const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const NAMES = ["syntax", "escape", "check"];

/**
 * The directives at the top: they end at the first line that is none.
 *
 * @throws {CtrError} `bad-data` for one that is given twice, or whose value is wrong.
 */
export function readDirectives(lines: readonly string[], file: string): Directives {
  const found = new Map<string, string>();
  let check: CheckDirective = { skip: [], experimental: [], error: false };
  let escape: Directives["escape"] = "\\";
  for (const [index, raw] of lines.entries()) {
    const line = raw.replace(index === 0 ? /^\uFEFF/ : /^$/, "").trimStart();
    if (index === 0 && line.startsWith("#!")) continue;
    const match = DIRECTIVE.exec(line);
    const name = match?.[1]?.toLowerCase();
    if (!match || name === undefined || !NAMES.includes(name)) break;
    const fail = (fact: string, hint?: string) => {
      const start = { line: index + 1, column: 1 };
      const end = { line: index + 1, column: line.trimEnd().length + 1 };
      return new DockerfileError(file, { start, end }, fact, { hint });
    };
    if (found.has(name)) throw fail(`the directive "${name}" is there twice`);
    found.set(name, match[2]!);
    if (name === "escape") {
      if (match[2] !== "\\" && match[2] !== "`") {
        throw fail(`the escape character is "${match[2]}"`, "it is \\ or `");
      }
      escape = match[2];
    }
    if (name === "check") check = readCheck(match[2]!, fail);
  }
  return { syntax: found.get("syntax"), escape, check };
}

/** `skip=RuleA,RuleB;experimental=all;error=true`. @param fail Makes the error that is thrown. */
export function readCheck(
  text: string,
  fail: (fact: string, hint?: string) => Error,
): CheckDirective {
  let skip: string[] = [];
  let experimental: string[] = [];
  let error = false;
  for (const part of text.split(";").filter((each) => each.trim() !== "")) {
    const [key = "", value] = part.split(/=(.*)/s).map((each) => each.trim());
    const words = () => (value ?? "").split(",").map((each) => each.trim()).filter(Boolean);
    if (value === undefined) throw fail(`"${part.trim()}" has no value`, CHECK_HINT);
    if (key === "skip") skip = words();
    else if (key === "experimental") experimental = words();
    else if (key === "error") {
      if (!/^(true|false|1|0|t|f)$/i.test(value)) throw fail(`error is "${value}"`, CHECK_HINT);
      error = /^(true|1|t)$/i.test(value);
    } else throw fail(`there is no check option "${key}"`, CHECK_HINT);
  }
  return { skip, experimental, error };
}

const CHECK_HINT = "for example: # check=skip=StageNameCasing,JSONArgsRecommended;error=true";
