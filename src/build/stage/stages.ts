/** The stages that a target needs, each built once per platform, side by side. */
import { CtrError } from "../../core/mod.ts";
import {
  type Dockerfile,
  expandWord,
  globalVariables,
  parseOnbuild,
  placed,
  type Stage,
  type StageInstruction,
} from "../../dockerfile/mod.ts";
import { parsePlatform, type Platform } from "../../oci/mod.ts";
import type { Job } from "../job.ts";
import type { BaseImage } from "../source/base_image.ts";
import { type ConfigObject, defined, triggersOf } from "./config.ts";
import { EMPTY_ROOT, Root } from "./root.ts";
import { platformVariables } from "./platform_variables.ts";
import { type StageEnd, StageRun } from "./stage_run.ts";
import type { Origin } from "./stage_context.ts";
import { Variables } from "./variables.ts";

/** What a stage begins with. */
export interface StageStart {
  readonly root: Root;
  readonly config: ConfigObject;
  /** Of the image that it all began with. */
  readonly document: Readonly<Record<string, unknown>>;
  readonly history: StageEnd["history"];
  readonly platform: Platform;
  /** Triggers of ONBUILD, and whose they are. */
  readonly triggers: readonly string[];
  readonly reference: string;
}

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export class Stages {
  readonly #job: Job;
  readonly #target: Platform;
  readonly #globals: ReadonlyMap<string, string>;
  readonly #predefined: Readonly<Record<string, string>>;
  readonly #running = new Map<number, Promise<StageEnd>>();
  readonly #onFailure: (error: unknown) => void;

  /**
   * @param target The platform that is built for.
   * @param onFailure Told of every stage that fails: all that are begun are needed.
   */
  constructor(
    job: Job,
    target: Platform,
    targetStage: string,
    onFailure: (error: unknown) => void,
  ) {
    this.#onFailure = onFailure;
    const { dockerfile, request, hostPlatform } = job;
    this.#job = job;
    this.#target = target;
    this.#predefined = platformVariables(hostPlatform, target, targetStage);
    this.#globals = globalVariables(dockerfile, request.buildArgs, this.#predefined);
  }

  /** Builds a stage, unless that is under way. */
  get(index: number): Promise<StageEnd> {
    let running = this.#running.get(index);
    if (!running) {
      running = this.#build(this.#job.dockerfile.stages[index]!);
      running.catch(this.#onFailure);
      this.#running.set(index, running);
    }
    return running;
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    for (let seen = -1; seen < this.#running.size;) {
      seen = this.#running.size;
      await Promise.allSettled(this.#running.values());
    }
  }

  async #build(stage: Stage): Promise<StageEnd> {
    const job = this.#job;
    const platform = this.#platformOf(stage);
    this.#beginOthers(stage);
    const run = new StageRun({
      job,
      stage,
      platform,
      target: this.#target,
      variables: new Variables(job.request.buildArgs, this.#globals, this.#predefined),
      origin: (name) => this.#origin(name, stage.index, platform),
    });
    await this.#baseStage(stage);
    const { start, instructions } = await run.from(async () => {
      const start = await this.#start(stage, platform);
      const triggered = start.triggers.map((each) => parseOnbuild(each, start.reference));
      return { start, instructions: [...triggered, ...stage.instructions] };
    });
    return await run.run(start, instructions);
  }

  /** A stage that is built upon another one begins when that has ended. */
  async #baseStage(stage: Stage): Promise<void> {
    const { sources, dockerfile } = this.#job;
    if (stage.name !== undefined && sources.named(stage.name)) return;
    const base = placed(dockerfile.name, stage.range, () => this.#expand(stage.base));
    const index = this.#stageOf(base, stage.index);
    if (index !== undefined) await this.get(index);
  }

  #platformOf(stage: Stage): Platform {
    if (stage.platform === undefined) return this.#target;
    const { dockerfile } = this.#job;
    return placed(dockerfile.name, stage.range, () => parsePlatform(this.#expand(stage.platform!)));
  }

  #expand(word: string): string {
    const { escape } = this.#job.dockerfile.directives;
    const lookup = (name: string) => {
      if (this.#globals.has(name)) return this.#globals.get(name);
      return Object.hasOwn(this.#predefined, name) ? this.#predefined[name] : undefined;
    };
    return expandWord(word, { lookup, escape });
  }

  /** Stages that this one needs begin while its own first steps run. */
  #beginOthers(stage: Stage): void {
    for (const name of namesIn(stage.instructions)) {
      const index = this.#stageOf(name, stage.index);
      if (index !== undefined && !this.#job.sources.named(name)) this.get(index);
    }
  }

  /** The number of an earlier stage, by name or number. */
  #stageOf(name: string, before: number): number | undefined {
    return stageOf(this.#job.dockerfile, name, before);
  }

  async #start(stage: Stage, platform: Platform): Promise<StageStart> {
    const { dockerfile, sources } = this.#job;
    // A named context of a stage's name takes its place, as one of its base's name does.
    const replaced = stage.name === undefined ? undefined : sources.named(stage.name);
    const base = placed(dockerfile.name, stage.range, () => this.#expand(stage.base));
    if (base === "") {
      throw new CtrError("bad-data", `cannot begin a stage from "${stage.base}": it is empty`);
    }
    if (replaced) return await this.#startNamed(stage.name!, stage.index, platform);
    const index = this.#stageOf(base, stage.index);
    if (index !== undefined) return startOfStage(await this.get(index));
    if (sources.named(base)) return await this.#startNamed(base, stage.index, platform);
    if (base === "scratch") return emptyStart(platform);
    return startOfImage(await sources.image(base, platform));
  }

  async #startNamed(name: string, index: number, platform: Platform): Promise<StageStart> {
    const origin = await this.#origin(name, index, platform);
    if (origin.kind === "image") return startOfImage(origin.image);
    if (origin.kind === "stage") {
      const context = this.#job.sources.named(name);
      const stage = context?.kind === "target"
        ? this.#stageOf(context.stage, this.#job.dockerfile.stages.length)
        : undefined;
      if (stage !== undefined) return startOfStage(await this.get(stage));
    }
    throw new CtrError(
      "usage",
      `cannot begin a stage from "${name}": it is a folder, not an image`,
      {
        hint: "copy from it with COPY --from",
      },
    );
  }

  /** What `--from` names: a named context, an earlier stage, an image. */
  async #origin(name: string | undefined, before: number, platform: Platform): Promise<Origin> {
    const { sources, dockerfile } = this.#job;
    if (name === undefined) return { kind: "tree", tree: await sources.context() };
    const context = sources.named(name);
    if (context) {
      switch (context.kind) {
        case "image":
          return { kind: "image", image: await sources.image(context.reference, platform) };
        case "oci-layout":
          return { kind: "image", image: await sources.layout(context, platform) };
        case "target": {
          const index = stageOf(dockerfile, context.stage, dockerfile.stages.length);
          if (index === undefined || index === before) throw noStage(context.stage);
          return { kind: "stage", root: (await this.get(index)).root };
        }
        default:
          return { kind: "tree", tree: await sources.namedTree(name, context) };
      }
    }
    const index = this.#stageOf(name, before);
    if (index !== undefined) return { kind: "stage", root: (await this.get(index)).root };
    if (/^\d+$/.test(name)) throw noStage(name);
    if (name === "scratch") return { kind: "stage", root: EMPTY_ROOT };
    return { kind: "image", image: await sources.image(name, platform) };
  }
}

/** The number of the stage of that name or number, before another one. The last of a name counts. */
export function stageOf(dockerfile: Dockerfile, name: string, before: number): number | undefined {
  const earlier = dockerfile.stages.slice(0, before);
  const named = earlier.findLast((stage) => stage.name === name.toLowerCase());
  if (named) return named.index;
  const index = /^\d{1,6}$/.test(name) ? Number(name) : Infinity;
  return index < before ? index : undefined;
}

function noStage(name: string): CtrError {
  return new CtrError("not-found", `cannot copy from "${name}": there is no such stage above`);
}

/** What `--from` names, of COPY and of mounts; what is not known yet is met later. */
function namesIn(instructions: readonly StageInstruction[]): string[] {
  return instructions.flatMap((instruction) => {
    if (instruction.keyword === "COPY") return instruction.from ?? [];
    if (instruction.keyword !== "RUN") return [];
    return instruction.mounts.flatMap((mount) => /(?:^|,)from=([^,$]+)/.exec(mount)?.[1] ?? []);
  });
}

function startOfStage(end: StageEnd): StageStart {
  const { root, config, document, history, platform } = end;
  const { OnBuild: _, ...rest } = config;
  return {
    root,
    config: rest,
    document,
    history,
    platform,
    triggers: triggersOf(config),
    reference: "",
  };
}

function startOfImage({ base, document, platform, reference }: BaseImage): StageStart {
  const { OnBuild: _, ...config } = (document["config"] ?? {}) as ConfigObject;
  const history = Array.isArray(document["history"]) ? document["history"] : [];
  return {
    root: new Root(base),
    config: defined(config),
    document,
    history: history.map((entry) => ({ entry, own: false, made: undefined })),
    platform,
    triggers: triggersOf((document["config"] ?? {}) as ConfigObject),
    reference,
  };
}

function emptyStart(platform: Platform): StageStart {
  const config = { Env: [`PATH=${DEFAULT_PATH}`], WorkingDir: "/" };
  return {
    root: EMPTY_ROOT,
    config,
    document: {},
    history: [],
    platform,
    triggers: [],
    reference: "scratch",
  };
}
