import { expandWord } from "../expand.ts";
import { globalVariables, PLATFORM_ARGS } from "../scope.ts";
import { tolerant } from "../stages.ts";
import { nearest } from "../suggest.ts";
import type { Dockerfile, Finding, Stage } from "../types.ts";
import { finding } from "./rules.ts";

const RESERVED = ["context", "scratch"];

/** What is odd about FROM. */
export function stageFindings(dockerfile: Dockerfile): Finding[] {
  return dockerfile.stages.flatMap((stage) => [
    ...names(dockerfile, stage),
    ...platform(stage),
    ...undeclared(dockerfile, stage),
    ...badDefault(dockerfile, stage),
  ]);
}

function names({ stages }: Dockerfile, stage: Stage): Finding[] {
  const { writtenName, name, words, range } = stage;
  const found: Finding[] = [];
  if (writtenName !== name) {
    found.push(
      finding("StageNameCasing", `Stage name '${writtenName}' should be lowercase`, range),
    );
  }
  const { from, as } = words;
  if (as !== undefined && isLower(from) !== isLower(as)) {
    const message = `'${as}' and '${from}' keywords' casing do not match`;
    found.push(finding("FromAsCasing", message, range));
  }
  if (name === undefined) return found;
  if (stages.slice(0, stage.index).some((each) => each.name === name)) {
    const message = `Duplicate stage name "${writtenName}", stage names should be unique`;
    found.push(finding("DuplicateStageName", message, range));
  }
  if (RESERVED.includes(name)) {
    const message = `'${name}' is reserved and should not be used as a stage name`;
    found.push(finding("ReservedStageName", message, range));
  }
  return found;
}

function isLower(word: string): boolean {
  return word === word.toLowerCase();
}

function platform({ platform, name, range }: Stage): Finding[] {
  if (platform === undefined) return [];
  if (/^\$(TARGETPLATFORM|\{TARGETPLATFORM\})$/.test(platform)) {
    const message =
      `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`;
    return [finding("RedundantTargetPlatform", message, range)];
  }
  if (platform.includes("$")) return [];
  // A stage that is called after its platform is meant for it.
  const parts = platform.toLowerCase().split("/");
  if (name !== undefined && parts.some((part) => part !== "linux" && name.includes(part))) {
    return [];
  }
  const message = `FROM --platform flag should not use constant value "${platform}"`;
  return [finding("FromPlatformFlagConstDisallowed", message, range)];
}

function undeclared({ globalArgs, directives }: Dockerfile, stage: Stage): Finding[] {
  const names = [
    ...globalArgs.flatMap(({ args }) => args.map(({ name }) => name)),
    ...PLATFORM_ARGS,
  ];
  const unknown = new Set<string>();
  for (const word of [stage.platform ?? "", stage.base]) {
    tolerant(() =>
      expandWord(word, {
        lookup: (name) => names.includes(name) ? "" : undefined,
        escape: directives.escape,
        onUnset: (name) => unknown.add(name),
      })
    );
  }
  return [...unknown].map((name) => {
    const near = nearest(name, names);
    const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
    return finding(
      "UndefinedArgInFrom",
      `FROM argument '${name}' is not declared${hint}`,
      stage.range,
    );
  });
}

/** An image's name as it can be: `host:port/path:tag@digest`. */
const REFERENCE =
  /^[a-z0-9][\w.-]*(:\d+)?(\/[\w.-]+)*(:\w[\w.-]{0,127})?(@[\w+.-]+:[0-9a-f]{32,})?$/i;

function badDefault(dockerfile: Dockerfile, stage: Stage): Finding[] {
  if (!stage.base.includes("$")) return [];
  const platforms = Object.fromEntries(PLATFORM_ARGS.map((name) => [name, "any"]));
  const image = tolerant(() => {
    const values = globalVariables(dockerfile, {}, platforms);
    const lookup = (name: string) => values.get(name) ?? platforms[name];
    return expandWord(stage.base, { lookup, escape: dockerfile.directives.escape });
  });
  if (image !== undefined && REFERENCE.test(image)) return [];
  const message = `Default value for ARG ${stage.base} results in empty or invalid base image name`;
  return [finding("InvalidDefaultArgInFrom", message, stage.range)];
}
