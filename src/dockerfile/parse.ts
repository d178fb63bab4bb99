import { CtrError } from "../core/mod.ts";
import { readDirectives } from "./directives.ts";
import { DockerfileError } from "./failure.ts";
import { readFrom, readInstruction } from "./instruction.ts";
import { isComment, LineReader, physicalLines, readContinued, withoutEnd } from "./lines.ts";
import { readStatement, type Statement } from "./statement.ts";
import type { ArgInstruction, Dockerfile, Oddity, Stage, StageInstruction } from "./types.ts";

/** A Dockerfile of more bytes than this is none. */
const MOST_LENGTH = 4 * 1024 * 1024;
const MOST_STAGES = 1000;

/**
 * Reads a Dockerfile.
 *
 * @param name What errors call it.
 * @throws {CtrError} `bad-data` as a `DockerfileError`; `too-large`.
 */
export function parseDockerfile(source: string, { name }: { readonly name: string }): Dockerfile {
  if (source.length > MOST_LENGTH) {
    throw new CtrError("too-large", `cannot build "${name}": it is longer than 4 MiB`);
  }
  try {
    return parse(source, name);
  } catch (error) {
    if (error instanceof DockerfileError) error.source = source;
    throw error;
  }
}

function parse(source: string, name: string): Dockerfile {
  const directives = readDirectives(physicalLines(source), name);
  checkFrontend(directives.syntax, name);
  const oddities: Oddity[] = [];
  const globalArgs: ArgInstruction[] = [];
  const stages: (Stage & { instructions: StageInstruction[] })[] = [];
  for (const statement of statements(source, name, directives.escape, oddities)) {
    if (statement.keyword === "FROM") {
      if (stages.length === MOST_STAGES) {
        const fact = `it has more than ${MOST_STAGES} stages`;
        throw new DockerfileError(name, statement.range, fact, { code: "too-large" });
      }
      stages.push({ ...readFrom(statement), index: stages.length, instructions: [] });
      continue;
    }
    const instruction = readInstruction(statement);
    const stage = stages.at(-1);
    if (stage) stage.instructions.push(instruction);
    else if (instruction.keyword === "ARG") globalArgs.push(instruction);
    else {
      const hint = "the first instruction is FROM, or ARG before it";
      throw new DockerfileError(name, statement.range, `${statement.keyword} is before FROM`, {
        hint,
      });
    }
  }
  if (stages.length === 0) {
    const start = { line: 1, column: 1 };
    const fact = globalArgs.length === 0 ? "it has no instructions" : "it has no FROM";
    throw new DockerfileError(name, { start, end: start }, fact);
  }
  return { name, source, directives, globalArgs, stages, oddities };
}

/** A file for another frontend would be misread. */
function checkFrontend(syntax: string | undefined, name: string): void {
  if (syntax === undefined) return;
  const [reference = ""] = syntax.split(/[\s@]/);
  if (/dockerfile/i.test(reference.split("/").at(-1) ?? "")) return;
  const start = { line: 1, column: 1 };
  throw new DockerfileError(
    name,
    { start, end: start },
    `it is for the frontend "${syntax}", and ctr reads Dockerfiles alone`,
    { code: "unsupported", hint: "take away # syntax= if it is a Dockerfile" },
  );
}

/**
 * Reads an ONBUILD trigger of a base image.
 *
 * @throws {CtrError} `bad-data`
 */
export function parseOnbuild(trigger: string, image: string): StageInstruction {
  const name = `ONBUILD of ${image}`;
  const [statement] = [...statements(trigger, name, "\\", [])];
  const start = { line: 1, column: 1 };
  const whole = { start, end: start };
  if (!statement) throw new DockerfileError(name, whole, "it is empty");
  if (["FROM", "ONBUILD", "MAINTAINER"].includes(statement.keyword)) {
    throw new DockerfileError(name, whole, `${statement.keyword} cannot follow ONBUILD`);
  }
  return readInstruction(statement);
}

function* statements(
  source: string,
  file: string,
  escape: "\\" | "`",
  oddities: Oddity[],
): Generator<Statement> {
  const reader = new LineReader(source);
  let comments: string[] = [];
  for (let raw; (raw = reader.read()) !== undefined;) {
    const text = withoutEnd(raw).trim();
    if (isComment(raw)) {
      const comment = text.slice(1).trim();
      if (comment === "") comments = [];
      else comments.push(comment);
      continue;
    }
    if (text === "") {
      comments = [];
      continue;
    }
    const { line, empty } = readContinued(reader, raw, escape);
    if (line.text.trim() === "") continue; // an escape character alone
    const statement = readStatement(reader, line, { file, escape, comments });
    if (empty.length > 0) oddities.push(emptyContinuation(statement));
    yield statement;
    comments = [];
  }
}

function emptyContinuation({ range }: Statement): Oddity {
  return { rule: "NoEmptyContinuation", message: "Empty continuation line", range };
}
