import { CtrError } from "../../core/mod.ts";
import { readCheck } from "../directives.ts";
import type { IgnoreMatcher } from "../ignore.ts";
import { StageGraph } from "../stages.ts";
import type { CheckDirective, Dockerfile, Finding, Stage } from "../types.ts";
import { instructionFindings } from "./instruction_rules.ts";
import { isExperimental, type RuleName, RULES } from "./rules.ts";
import { stageFindings } from "./stage_rules.ts";
import { trialFindings } from "./trial_rules.ts";
import { variableFindings } from "./variable_rules.ts";

export interface LintOptions {
  /** `--build-arg`; BUILDKIT_DOCKERFILE_CHECK among them goes before the file's directive. */
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Names of the variables that a stage's base image sets; undefined: nobody knows. */
  readonly baseVariables?: (stage: Stage) => readonly string[] | undefined;
  readonly ignore?: IgnoreMatcher;
}

export interface LintResult {
  /** In the order of the file. */
  readonly findings: readonly Finding[];
  /** The file says that findings are errors. */
  readonly error: boolean;
}

/**
 * Looks for what works and is not advisable, by Docker's rules and in Docker's words.
 *
 * @throws {CtrError} `usage` for a BUILDKIT_DOCKERFILE_CHECK that cannot be read.
 */
export function lint(dockerfile: Dockerfile, options: LintOptions = {}): LintResult {
  const check = checkOptions(dockerfile, options.buildArgs ?? {});
  const graph = new StageGraph(dockerfile, options.buildArgs);
  const all = [
    ...instructionFindings(dockerfile, graph),
    ...stageFindings(dockerfile),
    ...variableFindings(dockerfile, graph, options.baseVariables ?? (() => undefined)),
    ...trialFindings(dockerfile, options.ignore),
  ];
  const findings = all.filter(({ rule }) => isWanted(rule, check))
    .toSorted((a, b) => (a.range?.start.line ?? 0) - (b.range?.start.line ?? 0));
  return { findings, error: check.error };
}

function checkOptions(
  { directives }: Dockerfile,
  buildArgs: Readonly<Record<string, string>>,
): CheckDirective {
  const given = Object.hasOwn(buildArgs, "BUILDKIT_DOCKERFILE_CHECK")
    ? buildArgs["BUILDKIT_DOCKERFILE_CHECK"]
    : undefined;
  if (given === undefined) return directives.check;
  return readCheck(given, (fact, hint) => {
    return new CtrError("usage", `cannot use BUILDKIT_DOCKERFILE_CHECK "${given}": ${fact}`, {
      hint,
    });
  });
}

function isWanted(rule: string, { skip, experimental }: CheckDirective): boolean {
  if (skip.includes("all") || skip.includes(rule)) return false;
  if (!(rule in RULES) || !isExperimental(rule as RuleName)) return true;
  return experimental.includes("all") || experimental.includes(rule);
}
