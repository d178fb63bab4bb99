/** One stage: its instructions, one after the other. */
import { CtrError } from "../../core/mod.ts";
import {
  expandInstruction,
  placed,
  type Range,
  type Stage,
  type StageInstruction,
  titleOf,
} from "../../dockerfile/mod.ts";
import { formatPlatform, type Platform } from "../../oci/mod.ts";
import type { CachedStep } from "../cache/step_cache.ts";
import { at } from "../failure.ts";
import type { Job } from "../job.ts";
import type { StepReport } from "../reporter.ts";
import { type ConfigObject, configured, shellOf } from "./config.ts";
import { copyStep } from "./copy_step.ts";
import type { Root } from "./root.ts";
import { runStep } from "./run_step.ts";
import type { Origin, StageContext, StepEnd } from "./stage_context.ts";
import type { StageStart } from "./stages.ts";
import type { Variables } from "./variables.ts";
import { workdirStep } from "./workdir_step.ts";

/** An entry of the history, and what its layer is known by. */
export interface StageHistory {
  readonly entry: Readonly<Record<string, unknown>>;
  /** Of this build, not of the image that it began with. */
  readonly own: boolean;
  /** Of a step that may have made a layer. */
  readonly made: Promise<CachedStep> | undefined;
}

export interface StageEnd {
  readonly root: Root;
  readonly config: ConfigObject;
  readonly document: Readonly<Record<string, unknown>>;
  readonly history: readonly StageHistory[];
  readonly platform: Platform;
  readonly author: string | undefined;
}

export interface StageRunOptions {
  readonly job: Job;
  readonly stage: Stage;
  readonly platform: Platform;
  /** The platform that is built for. */
  readonly target: Platform;
  readonly variables: Variables;
  readonly origin: (name: string | undefined) => Promise<Origin>;
}

const MAKING = new Set(["RUN", "COPY", "ADD", "WORKDIR"]);

export class StageRun {
  readonly #options: StageRunOptions;
  readonly #noCache: boolean;
  #index = 0;
  #total = 1;

  constructor(options: StageRunOptions) {
    this.#options = options;
    const { request } = options.job;
    const { name, index } = options.stage;
    this.#noCache = request.noCache ||
      request.noCacheFilter.some((each) => each.toLowerCase() === name || each === String(index));
  }

  /** FROM: whatever finds out what the stage begins with. */
  async from(
    begin: () => Promise<{ start: StageStart; instructions: readonly StageInstruction[] }>,
  ): Promise<{ start: StageStart; instructions: readonly StageInstruction[] }> {
    const { stage } = this.#options;
    this.#total = 1 + stage.instructions.filter(({ keyword }) => MAKING.has(keyword)).length;
    const report = this.#report(stage.text, stage.range);
    return await this.#step(report, stage.range, async () => {
      const found = await begin();
      this.#total = 1 + found.instructions.filter(({ keyword }) => MAKING.has(keyword)).length;
      report.cached();
      return found;
    });
  }

  async run(start: StageStart, instructions: readonly StageInstruction[]): Promise<StageEnd> {
    const { job, variables } = this.#options;
    const { dockerfile } = job;
    let { root, config } = start;
    let author: string | undefined;
    const history: StageHistory[] = [...start.history];
    const own = { cmd: false };
    for (const [at, raw] of instructions.entries()) {
      job.signal.throwIfAborted();
      const instruction = expandInstruction(raw, {
        file: dockerfile.name,
        lookup: variables.lookup(config),
        escape: dockerfile.directives.escape,
      });
      if (instruction.keyword === "ARG") {
        for (const { name, value } of instruction.args) variables.declare(name, value);
      }
      const needsVm = instructions.slice(at).some(({ keyword }) => keyword === "RUN");
      const end = await this.#make(instruction, root, config, needsVm);
      if (end) root = end.root;
      if (instruction.keyword === "MAINTAINER") author = instruction.value;
      config = await this.#configured(config, instruction, own);
      history.push({ entry: this.#entry(instruction, config), own: true, made: end?.step });
    }
    return { root, config, document: start.document, history, platform: start.platform, author };
  }

  async #configured(
    config: ConfigObject,
    instruction: StageInstruction,
    own: { cmd: boolean },
  ): Promise<ConfigObject> {
    return await at(
      instruction.range,
      undefined,
      () => Promise.resolve().then(() => configured(config, instruction, own)),
    );
  }

  /** @returns Undefined for an instruction that makes no layer. */
  async #make(
    instruction: StageInstruction,
    root: Root,
    config: ConfigObject,
    needsVm: boolean,
  ): Promise<StepEnd | undefined> {
    if (!MAKING.has(instruction.keyword)) return undefined;
    const { job, platform, variables, origin } = this.#options;
    const report = this.#report(titleOf(instruction), instruction.range);
    const context: StageContext = {
      job,
      platform,
      root,
      config,
      variables,
      report,
      noCache: this.#noCache,
      stepId: this.#stepId(),
      origin,
      onMiss: () => {
        if (needsVm) job.sessions.prepare(platform);
      },
    };
    return await this.#step(report, instruction.range, async () => {
      switch (instruction.keyword) {
        case "RUN":
          return await runStep(context, instruction);
        case "COPY":
        case "ADD":
          return await copyStep(context, instruction);
        case "WORKDIR":
          return await workdirStep(context, instruction);
        default:
          throw new TypeError(`${instruction.keyword} makes nothing`);
      }
    });
  }

  async #step<T>(report: StepReport, range: Range, work: () => Promise<T>): Promise<T> {
    try {
      const result = await at(range, report.id, () => this.#placed(range, work));
      report.end();
      return result;
    } catch (error) {
      report.end(error);
      throw error;
    }
  }

  /** What is wrong with a word of an instruction is told with its place. */
  async #placed<T>(range: Range, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      return placed(this.#options.job.dockerfile.name, range, () => {
        throw error;
      });
    }
  }

  #report(title: string, { start, end }: Range): StepReport {
    const { job, stage, target } = this.#options;
    const index = ++this.#index;
    return job.reporter.step({
      id: this.#stepId(),
      title: title.split("\n", 1)[0]!,
      ...(job.request.platforms.length > 1 && { platform: formatPlatform(target) }),
      stage: stage.writtenName ??
        (job.dockerfile.stages.length > 1 ? `stage-${stage.index}` : undefined),
      index,
      total: Math.max(index, this.#total),
      lines: { file: job.dockerfile.name, first: start.line, last: end.line },
    }, true);
  }

  #stepId(): string {
    const { stage, target } = this.#options;
    return `${formatPlatform(target).replaceAll("/", "-")}.${stage.index}.${this.#index}`;
  }

  #entry(instruction: StageInstruction, config: ConfigObject): Readonly<Record<string, unknown>> {
    return { created_by: this.#createdBy(instruction, config), comment: COMMENT };
  }

  #createdBy(instruction: StageInstruction, config: ConfigObject): string {
    const { keyword, text } = instruction;
    if (keyword !== "RUN") return MAKING.has(keyword) ? `${text} # ctr build` : text;
    const args = this.#options.variables.ofRun(config).map(([name, value]) => `${name}=${value}`);
    const { command } = instruction;
    const line = command.form === "exec"
      ? command.args.join(" ")
      : [...shellOf(config), command.form === "shell" ? command.line : command.content].join(" ");
    const prefix = args.length > 0 ? `|${args.length} ${args.join(" ")} ` : "";
    return `RUN ${prefix}${line} # ctr build`;
  }
}

const COMMENT = "ctr build";

/** @throws {CtrError} `not-found`. */
export function noSuchTarget(name: string): CtrError {
  return new CtrError("not-found", `cannot build "${name}": the Dockerfile has no such stage`, {
    hint: 'see "ctr build --call targets"',
  });
}
