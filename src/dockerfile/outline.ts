import { expandWord } from "./expand.ts";
import { globalVariables, PLATFORM_ARGS } from "./scope.ts";
import { mountsOf, StageGraph, tolerant } from "./stages.ts";
import type { ArgInstruction, Dockerfile, Range, Stage } from "./types.ts";

export interface TargetDescription {
  readonly name: string | undefined;
  readonly base: string;
  readonly platform: string | undefined;
  readonly description: string | undefined;
  /** What is built without a target. */
  readonly default: boolean;
  readonly range: Range;
}

/** The stages of a file, with what the comments above them say (`# name description`). */
export function targets(
  dockerfile: Dockerfile,
  buildArgs: Readonly<Record<string, string>> = {},
): TargetDescription[] {
  const graph = new StageGraph(dockerfile, buildArgs);
  return dockerfile.stages.map((stage) => ({
    name: stage.name,
    base: graph.baseName(stage),
    platform: stage.platform,
    description: description(stage.comments, stage.name),
    default: stage === dockerfile.stages.at(-1),
    range: stage.range,
  }));
}

export interface Outline {
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly args: readonly {
    readonly name: string;
    readonly value: string | undefined;
    readonly description: string | undefined;
    readonly range: Range;
  }[];
  readonly secrets: readonly { readonly id: string; readonly required: boolean }[];
  readonly ssh: readonly { readonly id: string; readonly required: boolean }[];
  readonly caches: readonly { readonly id: string }[];
}

/**
 * What a target can be given: arguments, secrets, agents, of all stages that are built for it.
 *
 * @returns Undefined if there is no such target.
 */
export function outline(
  dockerfile: Dockerfile,
  { target, buildArgs = {} }: {
    readonly target?: string | undefined;
    readonly buildArgs?: Readonly<Record<string, string>>;
  } = {},
): Outline | undefined {
  const graph = new StageGraph(dockerfile, buildArgs);
  const stage = graph.find(target);
  if (!stage) return undefined;
  const needed = graph.needed(stage);
  const mounts = needed.flatMap(({ instructions }) => instructions).flatMap(mountsOf);
  const caches = mounts.flatMap((mount) => mount.type === "cache" ? [mount.id] : []);
  return {
    name: stage.name,
    description: description(stage.comments, stage.name),
    args: args(dockerfile, needed, buildArgs),
    secrets: required(mounts.filter((mount) => mount.type === "secret")),
    ssh: required(mounts.filter((mount) => mount.type === "ssh")),
    caches: [...new Set(caches)].map((id) => ({ id })),
  };
}

/** Each once; it is required if one of the mounts wants it. */
function required(mounts: readonly { readonly id: string; readonly required: boolean }[]) {
  const found = new Map<string, boolean>();
  for (const { id, required } of mounts) found.set(id, required || (found.get(id) ?? false));
  return [...found].map(([id, required]) => ({ id, required }));
}

function args(
  dockerfile: Dockerfile,
  needed: readonly Stage[],
  buildArgs: Readonly<Record<string, string>>,
): Outline["args"] {
  const globals = tolerant(() => globalVariables(dockerfile, buildArgs)) ?? new Map();
  const lookup = (name: string): string | undefined => globals.get(name);
  const options = { lookup, escape: dockerfile.directives.escape };
  const found = new Map<string, Outline["args"][number]>();
  const declared = [
    ...dockerfile.globalArgs,
    ...needed.flatMap(({ instructions }) => instructions)
      .filter((each): each is ArgInstruction => each.keyword === "ARG"),
  ];
  for (const { args, comments, range } of declared) {
    for (const { name, value } of args) {
      if (PLATFORM_ARGS.includes(name)) continue;
      const before = found.get(name);
      const own = value === undefined ? undefined : tolerant(() => expandWord(value, options));
      const given = Object.hasOwn(buildArgs, name) ? buildArgs[name] : undefined;
      found.set(name, {
        name,
        value: given ?? own ?? before?.value,
        description: description(comments, name) ?? before?.description,
        range: before?.range ?? range,
      });
    }
  }
  return [...found.values()];
}

/** Of a comment that begins with the name of what it is about. */
function description(comments: readonly string[], name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const found = comments.find((comment) => comment.startsWith(`${name} `));
  return found?.slice(name.length + 1).trim();
}
