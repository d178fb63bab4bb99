import { expandInstruction } from "../expand_instruction.ts";
import { globalVariables, PLATFORM_ARGS, PROXY_ARGS } from "../scope.ts";
import { type StageGraph, tolerant } from "../stages.ts";
import { nearest } from "../suggest.ts";
import type { Dockerfile, Finding, Stage, StageInstruction } from "../types.ts";
import { finding } from "./rules.ts";

/** Set in every RUN, and nowhere else: an instruction that names them means them. */
const ALWAYS = ["PATH"];

/** A file with more of them was not written by a person who wants suggestions. */
const MOST_SUGGESTIONS = 100;
const MOST_NAMES = 1000;

/**
 * Variables that are used and not set.
 *
 * @param baseVariables Names of those that a base image sets; undefined: nobody knows, nothing is reported.
 */
export function variableFindings(
  dockerfile: Dockerfile,
  graph: StageGraph,
  baseVariables: (stage: Stage) => readonly string[] | undefined,
): Finding[] {
  const globals = tolerant(() => globalVariables(dockerfile, {})) ?? new Map<string, string>();
  const known = new Map<Stage, ReadonlySet<string> | undefined>();
  const found: Finding[] = [];
  for (const stage of dockerfile.stages) {
    const base = graph.base(stage);
    const before = base ? known.get(base) : baseNames(graph, stage, baseVariables);
    known.set(stage, before && stageNames(dockerfile, stage, before, globals, found));
  }
  return found;
}

function baseNames(
  graph: StageGraph,
  stage: Stage,
  baseVariables: (stage: Stage) => readonly string[] | undefined,
): ReadonlySet<string> | undefined {
  const names = graph.baseName(stage) === "scratch" ? [] : baseVariables(stage);
  return names && new Set([...ALWAYS, ...names]);
}

/** @returns Variables of the environment behind the stage. Arguments end with it. */
function stageNames(
  dockerfile: Dockerfile,
  stage: Stage,
  before: ReadonlySet<string>,
  globals: ReadonlyMap<string, string>,
  found: Finding[],
): ReadonlySet<string> {
  const environment = new Set(before);
  const args = new Set<string>(PROXY_ARGS);
  for (const instruction of stage.instructions) {
    const unset = new Set<string>();
    const has = (name: string) => environment.has(name) || args.has(name);
    tolerant(() =>
      expandInstruction(instruction, {
        file: dockerfile.name,
        lookup: (name) => has(name) ? "x" : undefined,
        escape: dockerfile.directives.escape,
        onUnset: (name) => unset.add(name),
      })
    );
    for (const name of unset) {
      const names = found.length < MOST_SUGGESTIONS
        ? [...environment, ...args, ...globals.keys(), ...PLATFORM_ARGS].slice(0, MOST_NAMES)
        : [];
      found.push(undefinedVariable(name, names, instruction));
    }
    if (instruction.keyword === "ARG") { for (const { name } of instruction.args) args.add(name); }
    if (instruction.keyword === "ENV") {
      for (const { key } of instruction.pairs) environment.add(key);
    }
  }
  return environment;
}

function undefinedVariable(
  name: string,
  names: readonly string[],
  { range }: StageInstruction,
): Finding {
  const near = nearest(name, names.filter((each) => each !== name));
  const hint = near === undefined ? "" : ` (did you mean $${near}?)`;
  return finding("UndefinedVar", `Usage of undefined variable '$${name}'${hint}`, range);
}
