/** RUN: its key, what it sees, and the layer that it leaves. */
import { CtrError } from "../../core/mod.ts";
import { parseRunMount, type RunCommand } from "../../dockerfile/mod.ts";
import type { CachedStep } from "../cache/step_cache.ts";
import type { StoredLayer } from "../cache/step_records.ts";
import { StepError } from "../failure.ts";
import { keyOf } from "../key.ts";
import type { RunStep, StepMount, StepOutcome } from "../run/types.ts";
import { environmentOf, shellOf, userOf, workdirOf } from "./config.ts";
import { type ResolvedMount, resolveMounts } from "./run_mounts.ts";
import type { Instruction, StageContext, StepEnd } from "./stage_context.ts";

/** A layer on its way into the store. */
interface Ran {
  readonly outcome: StepOutcome;
  readonly kept: Promise<StoredLayer | undefined>;
}

export async function runStep(
  context: StageContext,
  instruction: Instruction<"RUN">,
): Promise<StepEnd> {
  const { job, report, root, noCache } = context;
  checkAllowed(context, instruction);
  const mounts = await resolveMounts(context, instruction.mounts.map(parseRunMount));
  const { script, args } = commandOf(instruction.command, shellOf(context.config));
  const all = script ? [...mounts, script] : mounts;
  const definition = definitionOf(context, instruction, args, all);
  const description = instruction.text;
  const execute = () => run(context, instruction, args, all);
  // Upon a layer that is new nothing was ever run: its digest need not be waited for.
  if (!root.isSettled) {
    const ran = await execute();
    return { root: root.withPending(ran), step: recorded(ran) };
  }
  const key = keyOf("run", { parent: root.chain, ...definition });
  const early = Promise.withResolvers<StepEnd>();
  const whole = job.locks.run(key, job.signal, async () => {
    const found = noCache ? undefined : await job.cache.find(key, description, root.chain);
    if (found) {
      report.cached();
      return early.resolve({ root: root.with(found.layer), step: Promise.resolve(found) });
    }
    const ran = await execute();
    const step = job.background.add(
      ran.kept.then((layer) => job.cache.add(key, layer, description, root.chain)),
    );
    early.resolve({ root: root.withPending(ran), step });
    await step;
  });
  job.background.add(whole);
  whole.catch(early.reject);
  return await early.promise;

  /** The key of a step upon layers that are still being packed is known when they are. */
  function recorded(ran: Ran): Promise<CachedStep> {
    return job.background.add((async () => {
      const [layer, { chain }] = await Promise.all([ran.kept, root.settled()]);
      const key = keyOf("run", { parent: chain, ...definition });
      return job.cache.add(key, layer, description, chain);
    })());
  }
}

/** What a RUN gives depends on this, and on what it begins with. */
function definitionOf(
  { job, config, variables, platform }: StageContext,
  instruction: Instruction<"RUN">,
  args: readonly string[],
  mounts: readonly ResolvedMount[],
): Readonly<Record<string, unknown>> {
  const { request } = job;
  const networkOf = instruction.network === "default" ? request.network : instruction.network;
  return {
    args,
    env: environmentOf(config),
    buildArgs: variables.ofRun(config),
    cwd: workdirOf(config),
    user: userOf(config),
    platform: [platform.architecture, platform.variant ?? ""],
    mounts: mounts.map(({ identity }) => identity),
    network: networkOf,
    security: instruction.security,
    addHosts: request.addHosts,
    shm: request.shmBytes ?? 0,
    ulimits: request.ulimits,
  };
}

async function run(
  context: StageContext,
  instruction: Instruction<"RUN">,
  args: readonly string[],
  mounts: readonly ResolvedMount[],
): Promise<Ran> {
  const { job, report, root, onMiss, platform, stepId } = context;
  onMiss();
  job.sessions.prepare(platform);
  const pending = await job.images.pendingLayer(job.lease);
  let going = false;
  try {
    const opened = await Promise.all(mounts.map(({ open }) => open()));
    const step: RunStep = {
      ...environment(context, instruction, mounts),
      id: stepId,
      lowers: await root.lowers(job.images),
      args,
      mounts: opened.filter((mount): mount is StepMount => mount !== undefined),
      layer: { blob: pending.blob, disk: pending.disk, compression: "gzip" },
    };
    const result = await job.sessions.run(platform, step, {
      output: (stream, bytes) => report.log(stream, bytes),
      signal: job.signal,
    });
    const { outcome } = result;
    if (result.exitStatus !== 0 || !outcome) {
      throw new StepError(
        failureOf(instruction, result),
        instruction.range,
        report.id,
        result.exitStatus,
      );
    }
    going = true;
    report.end();
    const kept = job.background.add(
      keep(outcome, pending).finally(() => pending[Symbol.asyncDispose]()),
    );
    return { outcome, kept };
  } finally {
    if (!going) await pending[Symbol.asyncDispose]();
  }
}

type Pending = Awaited<ReturnType<StageContext["job"]["images"]["pendingLayer"]>>;

/** Also of a build that has failed since: what was run well need not be run again. */
async function keep(
  outcome: StepOutcome,
  pending: Pending,
): Promise<StoredLayer | undefined> {
  const packed = await outcome.layer;
  if (!packed) return undefined;
  const { digest, size, mediaType } = packed.blob;
  const layer = { digest, diffId: packed.diffId, size, mediaType } as StoredLayer;
  await pending.keep(layer);
  return layer;
}

function environment(
  { job, config, variables }: StageContext,
  instruction: Instruction<"RUN">,
  mounts: readonly ResolvedMount[],
): Pick<
  RunStep,
  | "env"
  | "cwd"
  | "user"
  | "network"
  | "security"
  | "addHosts"
  | "hostname"
  | "shmBytes"
  | "rlimits"
> {
  const { request } = job;
  const pairs = [
    ...variables.proxies(config),
    ...variables.ofRun(config),
    ...mounts.flatMap(({ env }) => env ? [env] : []),
  ];
  return {
    env: [...environmentOf(config), ...pairs.map(([name, value]) => `${name}=${value}`)],
    cwd: workdirOf(config),
    user: userOf(config),
    network: instruction.network === "default" ? request.network : instruction.network,
    security: instruction.security,
    addHosts: request.addHosts,
    hostname: request.buildArgs["BUILDKIT_SANDBOX_HOSTNAME"] ?? "buildkitsandbox",
    shmBytes: request.shmBytes ?? 0,
    rlimits: request.ulimits,
  };
}

/** A script is a file that the shell of the stage runs, as BuildKit has it. */
function commandOf(
  command: RunCommand,
  shell: readonly string[],
): { args: readonly string[]; script?: ResolvedMount } {
  if (command.form === "exec") return { args: command.args };
  if (command.form === "shell") return { args: [...shell, command.line] };
  const target = `/dev/pipes/${command.name}`;
  return {
    args: [...shell, target],
    script: {
      identity: ["script", target, command.content],
      open: () =>
        Promise.resolve({
          kind: "secret",
          target,
          content: new TextEncoder().encode(command.content),
          mode: 0o755,
          uid: 0,
          gid: 0,
        }),
    },
  };
}

function checkAllowed({ job }: StageContext, instruction: Instruction<"RUN">): void {
  const { allow, network } = job.request;
  if (instruction.devices.length > 0) {
    const fact = "it asks for a device, and a build's VM has none to give";
    throw new CtrError("unsupported", `cannot run "${shown(instruction)}": ${fact}`);
  }
  const wanted = [
    ...instruction.security === "insecure" ? ["security.insecure" as const] : [],
    ...instruction.network === "host" && network !== "host" ? ["network.host" as const] : [],
  ].find((each) => !allow.includes(each));
  if (wanted === undefined) return;
  throw new StepError(
    new CtrError("denied", `cannot run "${shown(instruction)}": it asks for ${wanted}`, {
      hint: `allow it with --allow ${wanted}`,
    }),
    instruction.range,
    undefined,
  );
}

function failureOf(
  instruction: Instruction<"RUN">,
  { exitStatus, oomKilled }: { readonly exitStatus: number; readonly oomKilled: boolean },
): CtrError {
  if (oomKilled) {
    const fact = "there is not enough memory in the build's VM";
    return new CtrError("invalid-state", `cannot run "${shown(instruction)}": ${fact}`, {
      hint: "give it more with --memory",
    });
  }
  const fact = `it ended with status ${exitStatus}`;
  return new CtrError("invalid-state", `cannot run "${shown(instruction)}": ${fact}`);
}

function shown({ text }: Instruction<"RUN">): string {
  const line = text.split("\n", 1)[0]!;
  return line.length > 120 ? `${line.slice(0, 119)}…` : line;
}
