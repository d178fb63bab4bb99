/** What a Dockerfile is asked, and what is odd about one that is built. */
import type { BuildAnswer, BuildFinding, BuildRequest } from "../api/mod.ts";
import { CtrError, isCtrError } from "../core/mod.ts";
import {
  type Dockerfile,
  expandWord,
  type Finding,
  globalVariables,
  type IgnoreMatcher,
  lint,
  type LintResult,
  outline,
  PROXY_ARGS,
  type Range,
  type Stage,
  targets,
} from "../dockerfile/mod.ts";
import type { Images } from "../image/mod.ts";
import { type Platform, samePlatform } from "../oci/mod.ts";
import { placeOf } from "./failure.ts";
import { platformVariables } from "./stage/platform_variables.ts";
import { noSuchTarget } from "./stage/stage_run.ts";

export interface Asked {
  readonly dockerfile: Dockerfile;
  readonly request: BuildRequest;
  readonly images: Pick<Images, "inspect">;
  readonly host: Platform;
  readonly target: Platform;
  /** What is left out of the context, where that is known. */
  readonly ignore?: IgnoreMatcher | undefined;
}

/** @throws {CtrError} `not-found` for a target that the file does not have. */
export async function answer(
  call: Exclude<BuildRequest["call"], "build">,
  asked: Asked,
): Promise<BuildAnswer> {
  const { dockerfile, request } = asked;
  switch (call) {
    case "check": {
      const { findings, error } = await check(asked);
      return { call, findings: findings.map((each) => described(dockerfile.name, each)), error };
    }
    case "targets":
      return {
        call,
        targets: targets(dockerfile, request.buildArgs).map(({ range, ...rest }) => ({
          ...present(rest),
          place: placeOf(dockerfile.name, range),
        })),
      };
    case "outline": {
      const found = outline(dockerfile, { target: request.target, buildArgs: request.buildArgs });
      if (!found) throw noSuchTarget(request.target ?? "");
      const args = found.args.map(({ range, ...rest }) => ({
        ...present(rest),
        place: placeOf(dockerfile.name, range),
      }));
      return {
        call,
        outline: {
          ...present(found),
          args,
          secrets: [...found.secrets],
          ssh: [...found.ssh],
          caches: [...found.caches],
        },
      };
    }
  }
}

/** Docker's rules. What a base image sets is known if the image is here: none is fetched for that. */
export async function check(asked: Asked): Promise<LintResult> {
  const { dockerfile, request, ignore } = asked;
  const known = new Map<number, readonly string[] | undefined>();
  for (const stage of dockerfile.stages) known.set(stage.index, await variablesOf(asked, stage));
  return lint(dockerfile, {
    buildArgs: request.buildArgs,
    baseVariables: ({ index }) => known.get(index),
    ...(ignore && { ignore }),
  });
}

/** @throws {CtrError} `bad-data` where the file says that findings are errors, and there are some. */
export async function refuseFindings(asked: Asked): Promise<void> {
  const { dockerfile, request } = asked;
  if (!lint(dockerfile, { buildArgs: request.buildArgs }).error) return;
  const { findings } = await check(asked);
  const [first] = findings;
  if (!first) return;
  const rules = [...new Set(findings.map(({ rule }) => rule))].join(", ");
  throw new CtrError("bad-data", `cannot build "${dockerfile.name}": it breaks ${rules}`, {
    hint: `${place(dockerfile, first.range)}${first.message}`,
  });
}

function place({ name }: Dockerfile, range: Range | undefined): string {
  return range ? `${name}:${range.start.line}: ` : "";
}

const MOST_WARNINGS = 100;

/** What a build tells besides its result: findings, and arguments that nobody asks for. */
export async function warnings(asked: Asked): Promise<BuildFinding[]> {
  const { dockerfile, request } = asked;
  const { findings } = await check(asked);
  const more = findings.length - MOST_WARNINGS;
  return [
    ...findings.slice(0, MOST_WARNINGS).map((each) => described(dockerfile.name, each)),
    ...more > 0 ? [{ message: `${more} more findings, see "ctr build --check"` }] : [],
    ...unused(dockerfile, request).map((name) => ({
      message: `no ARG asks for --build-arg "${name}"`,
    })),
  ];
}

/** Arguments that are read by the builder itself. */
const OWN_ARGS = /^(BUILDKIT_.*|SOURCE_DATE_EPOCH)$/;

function unused({ globalArgs, stages }: Dockerfile, { buildArgs }: BuildRequest): string[] {
  const all = [...globalArgs, ...stages.flatMap(({ instructions }) => instructions)];
  const declared = new Set(all.flatMap((each) => {
    const instruction = each.keyword === "ONBUILD" ? each.instruction : each;
    return instruction.keyword === "ARG" ? instruction.args.map(({ name }) => name) : [];
  }));
  return Object.keys(buildArgs).filter((name) =>
    !declared.has(name) && !PROXY_ARGS.includes(name) && !OWN_ARGS.test(name)
  );
}

function described(file: string, finding: Finding): BuildFinding {
  const { rule, description, message, url, range } = finding;
  return { rule, description, message, url, ...(range && { place: placeOf(file, range) }) };
}

/** Names that the base image sets. Undefined: it is not here, or no image. */
async function variablesOf(asked: Asked, stage: Stage): Promise<readonly string[] | undefined> {
  const { dockerfile, request, images, host, target } = asked;
  if (Object.keys(request.contexts).length > 0) return undefined; // one may take the base's place
  try {
    const predefined = platformVariables(host, target, "");
    const globals = globalVariables(dockerfile, request.buildArgs, predefined);
    const reference = expandWord(stage.base, {
      lookup: (name) => globals.get(name) ?? predefined[name],
      escape: dockerfile.directives.escape,
    });
    const { variants } = await images.inspect(reference);
    const fitting = variants.find(({ platform }) => samePlatform(platform, target)) ?? variants[0];
    const { Env: env } = (fitting?.config["config"] ?? {}) as { readonly Env?: unknown };
    if (!Array.isArray(env)) return [];
    return env.flatMap((each) => typeof each === "string" ? [each.split("=", 1)[0]!] : []);
  } catch (error) {
    if (isCtrError(error)) return undefined;
    throw error;
  }
}

/** The same without what is undefined. */
function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
