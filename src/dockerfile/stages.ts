import { expandWord } from "./expand.ts";
import { isCtrError } from "../core/mod.ts";
import { parseRunMount } from "./run_mount.ts";
import { globalVariables, PLATFORM_ARGS } from "./scope.ts";
import type { Dockerfile, RunMount, Stage, StageInstruction } from "./types.ts";

/** A stage and what it is made of, as far as the file alone tells. */
export class StageGraph {
  readonly #dockerfile: Dockerfile;
  readonly #globals: ReadonlyMap<string, string>;
  readonly #bases = new Map<Stage, Stage | undefined>();

  constructor(dockerfile: Dockerfile, buildArgs: Readonly<Record<string, string>> = {}) {
    this.#dockerfile = dockerfile;
    const platform = Object.fromEntries(PLATFORM_ARGS.map((name) => [name, ""]));
    this.#globals = tolerant(() => globalVariables(dockerfile, buildArgs, platform)) ?? new Map();
  }

  /** By name or number; the last one without any. */
  find(target: string | undefined): Stage | undefined {
    const { stages } = this.#dockerfile;
    if (target === undefined) return stages.at(-1);
    return stages.findLast((stage) => stage.name === target.toLowerCase()) ??
      (/^\d+$/.test(target) ? stages[Number(target)] : undefined);
  }

  /** What FROM names, its variables expanded; as written where that cannot be done. */
  baseName(stage: Stage): string {
    const options = {
      lookup: (name: string) => this.#globals.get(name),
      escape: this.#dockerfile.directives.escape,
    };
    return tolerant(() => expandWord(stage.base, options)) || stage.base;
  }

  /** The earlier stage that it begins with. */
  base(stage: Stage): Stage | undefined {
    if (this.#bases.has(stage)) return this.#bases.get(stage);
    const name = this.baseName(stage).toLowerCase();
    const found = this.#dockerfile.stages.slice(0, stage.index)
      .findLast((each) => each.name === name);
    this.#bases.set(stage, found);
    return found;
  }

  /** All that is built for it, in the order of the file. */
  needed(stage: Stage): Stage[] {
    const found = new Set<Stage>();
    const visit = (each: Stage | undefined) => {
      if (!each || found.has(each)) return;
      found.add(each);
      visit(this.base(each));
      for (const name of each.instructions.flatMap(sources)) {
        visit(this.#earlier(name, each));
      }
    };
    visit(stage);
    return this.#dockerfile.stages.filter((each) => found.has(each));
  }

  #earlier(name: string, user: Stage): Stage | undefined {
    const found = this.find(name);
    return found && found.index < user.index ? found : undefined;
  }
}

/** Names of stages that an instruction takes files from. */
function sources(instruction: StageInstruction): string[] {
  if (instruction.keyword === "COPY") {
    return instruction.from === undefined ? [] : [instruction.from];
  }
  return mountsOf(instruction).flatMap((mount) =>
    "from" in mount && mount.from !== undefined ? [mount.from] : []
  );
}

/** The mounts of a RUN that can be understood without variables. */
export function mountsOf(instruction: StageInstruction): RunMount[] {
  if (instruction.keyword !== "RUN") return [];
  return instruction.mounts.flatMap((text) => tolerant(() => parseRunMount(text)) ?? []);
}

/** Undefined where what is looked at is wrong: the build will say so. */
export function tolerant<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isCtrError(error)) return undefined;
    throw error;
  }
}
