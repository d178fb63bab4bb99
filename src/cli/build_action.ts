import type { BuildEvent, BuildRequestInput, BuildResult } from "../api/mod.ts";
import { CtrError, formatDuration, isCtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { writeOutput } from "./attach_output.ts";
import { Signals } from "./attach_signals.ts";
import { findingText, printAnswer, type Question, question } from "./build_answer.ts";
import { chooseContext, type ContextChoice } from "./build_context.ts";
import { tellFailure } from "./build_failure.ts";
import { type BuildFlags, buildRequest } from "./build_request.ts";
import { printResult, ResultFiles } from "./build_result.ts";
import { sshAgents } from "./build_ssh.ts";
import { Steps } from "./build_steps.ts";
import { uploadOf } from "./build_upload.ts";
import { type BuildView, chooseView } from "./build_view.ts";
import { type EngineClient, isLost } from "./engine_client.ts";
import { EngineGone, usage } from "./errors.ts";
import type { HttpResponse } from "./http.ts";
import { jsonLines } from "./progress.ts";
import { printable } from "./printable.ts";

/** Builds an image and prints its names, a line each. Progress goes to standard error. */
export async function build(app: App, context: string, flags: BuildFlags): Promise<void> {
  const asked = question(flags);
  const how = progress(app, flags, asked);
  const files = await ResultFiles.prepare(flags);
  const choice = await chooseContext(context, flags.file || undefined);
  await using ssh = await sshAgents(flags.ssh ?? [], app.env);
  const request: BuildRequestInput = {
    ...await buildRequest(app, choice, flags, ssh.agents),
    call: asked?.call ?? "build",
  };
  const engine = await app.engine();
  const signals = new Signals();
  const began = Date.now();
  const work = async () => {
    const response = await send(engine, request, choice);
    const result = await follow(app, response, { how, title: choice.title, asked });
    if (!result) return;
    await files.write(result);
    if (how !== "quiet" && how !== "none" && how !== "rawjson") summary(app, result, began);
    printResult(app, result, { quiet: flags.quiet ?? false, request });
  };
  await Promise.race([work(), signals.interrupted]);
}

/** The word of `--progress`, or of BUILDKIT_PROGRESS, as CI systems set it. */
function progress(app: App, flags: BuildFlags, asked: Question | undefined): string {
  if (flags.quiet) {
    if (flags.progress === undefined || ["quiet", "none", "auto"].includes(flags.progress)) {
      return "quiet";
    }
    throw usage(`cannot use --quiet together with --progress ${flags.progress}`);
  }
  if (asked) return flags.progress ?? "quiet";
  const preset = app.env("BUILDKIT_PROGRESS");
  const known = ["plain", "tty", "rawjson", "quiet", "none"];
  return flags.progress ?? (preset !== undefined && known.includes(preset) ? preset : "auto");
}

/** The engine reads a folder in place; where it sees another one, it gets ours. */
async function send(
  engine: EngineClient,
  request: BuildRequestInput,
  choice: ContextChoice,
): Promise<HttpResponse> {
  try {
    return await post(engine, request, choice.upload);
  } catch (error) {
    if (!isCtrError(error, "unsupported") || choice.context.kind !== "folder") throw error;
    const upload = uploadOf(choice.context.path);
    return await post(engine, { ...request, context: { kind: "upload" } }, upload);
  }
}

async function post(
  engine: EngineClient,
  request: BuildRequestInput,
  upload: AsyncIterable<Uint8Array> | undefined,
): Promise<HttpResponse> {
  const line = new TextEncoder().encode(`${JSON.stringify(request)}\n`);
  return await engine.stream({
    method: "POST",
    path: "/build",
    headers: { "content-type": "application/x-ctr-build" },
    body: upload ? behind(line, upload) : line,
  });
}

async function* behind(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  yield first;
  yield* rest;
}

interface Following {
  readonly how: string;
  readonly title: string;
  readonly asked: Question | undefined;
}

/** Reads what the engine tells to its end. Undefined after an answer, which is printed. */
async function follow(
  app: App,
  response: HttpResponse,
  { how, title, asked }: Following,
): Promise<BuildResult | undefined> {
  const steps = new Steps();
  const view = chooseView(app, how, steps);
  const warnings: string[] = [];
  try {
    for await (const line of jsonLines(response.body)) {
      const event = JSON.parse(line) as BuildEvent;
      const step = steps.apply(event);
      view.show(event, step);
      switch (event.kind) {
        case "output":
          await writeOutput(Deno.stdout, Uint8Array.fromBase64(event.data));
          break;
        case "warning":
          warnings.push(findingText(event.finding));
          break;
        case "result":
          finish(app, view, warnings, how);
          return event.result;
        case "answer":
          finish(app, view, warnings, how);
          app.exitStatus = printAnswer(app, event.answer, asked?.format ?? "text");
          return undefined;
        case "failed":
          finish(app, view, warnings, how);
          throw tellFailure(app, event, steps.find(event.id), view.showsLogs);
      }
    }
  } catch (error) {
    if (error instanceof EngineGone || isLost(error)) throw engineEnded(title, error);
    throw error;
  } finally {
    view.end();
    response.connection.close();
  }
  throw engineEnded(title);
}

function engineEnded(title: string, cause?: unknown): CtrError {
  return new CtrError("unavailable", `stopped building ${title}: the engine has ended`, {
    hint: "steps that were done are kept; run it again",
    cause,
  });
}

function finish(app: App, view: BuildView, warnings: readonly string[], how: string): void {
  view.end();
  if (how === "quiet" || how === "none" || how === "rawjson") return;
  for (const warning of warnings) app.stderr.line(`warning: ${printable(warning)}`);
}

function summary(app: App, { steps }: BuildResult, began: number): void {
  const { total, cached, run } = steps;
  const took = formatDuration(Date.now() - began);
  const all = total === 1 ? "1 step" : `${total} steps`;
  app.stderr.line(`built in ${took}: ${all}, ${cached} cached, ${run} run`);
}
