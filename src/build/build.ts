/** One build from its request to its answer. */
import { join } from "node:path";
import type { BuildRequest } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { type Dockerfile, parseDockerfile } from "../dockerfile/mod.ts";
import { linuxPlatform, parsePlatform, type Platform } from "../oci/mod.ts";
import { answer, refuseFindings, warnings } from "./answer.ts";
import { Background } from "./background.ts";
import { FileDigests } from "./cache/file_digests.ts";
import { exportCaches, inlineCache } from "./cache/export.ts";
import { Imports } from "./cache/import.ts";
import type { KeyLocks } from "./cache/key_locks.ts";
import { StepCache } from "./cache/step_cache.ts";
import type { StepRecords } from "./cache/step_records.ts";
import type { Job } from "./job.ts";
import { checkNames, makeOutputs, type OutputEnd } from "./output/outputs.ts";
import type { Reporter } from "./reporter.ts";
import { BaseImages } from "./source/base_image.ts";
import { Sources } from "./source/sources.ts";
import { runStages } from "./stage/run_stages.ts";
import { Sessions } from "./stage/sessions.ts";
import { noSuchTarget } from "./stage/stage_run.ts";
import { stageOf } from "./stage/stages.ts";
import type { BuilderOptions, BuildIo } from "./types.ts";

export interface BuildParts {
  readonly id: string;
  readonly options: BuilderOptions;
  readonly records: StepRecords;
  readonly locks: KeyLocks;
  readonly reporter: Reporter;
  readonly upload: BuildIo["upload"];
  readonly signal: AbortSignal;
  /** Told as soon as it is read, for errors. */
  readonly onDockerfile: (dockerfile: Dockerfile) => void;
  /** Told when there are keys in use. */
  readonly onCache: (cache: StepCache) => void;
}

/** @throws What goes wrong. */
export async function build(parts: BuildParts, request: BuildRequest): Promise<void> {
  const { options, reporter, id } = parts;
  const abort = new AbortController();
  const signal = AbortSignal.any([parts.signal, abort.signal]);
  checkNames(request.tags);
  const folder = join(filesFolder(options.home), id);
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await using lease = await options.images.lease();
    const hostPlatform = linuxPlatform(Deno.build.arch);
    const platforms = platformsOf(request, hostPlatform);
    await using sessions = new Sessions({
      buildId: id,
      request,
      runner: options.runner,
      onNotice: (text, over) => reporter.notice(text, over),
    });
    let mustRun = false;
    const images = new BaseImages({
      images: options.images,
      lease,
      request,
      reporter,
      signal,
      // A RUN upon what is fetched only now was never run.
      onPull: (platform) => {
        if (mustRun) sessions.prepare(platform);
      },
    });
    using sources = new Sources({
      request,
      upload: parts.upload,
      images,
      reporter,
      signal,
      folder,
    });
    await sources.checkFolders();
    const dockerfile = await readDockerfile(request, sources);
    parts.onDockerfile(dockerfile);
    mustRun = hasRun(dockerfile) && request.cacheFrom.length === 0;
    const asked = {
      dockerfile,
      request,
      images: options.images,
      host: hostPlatform,
      target: platforms[0]!,
    };
    if (request.call !== "build") {
      await reporter.tell({ kind: "answer", answer: await answer(request.call, asked) });
      return;
    }
    await refuseFindings(asked);
    const target = targetOf(dockerfile, request.target);
    const cache = new StepCache({
      records: parts.records,
      images: options.images,
      lease,
      imported: new Imports({ request, images: options.images, lease, reporter, signal }),
      signal,
    });
    parts.onCache(cache);
    const job: Job = {
      id,
      request,
      dockerfile,
      hostPlatform,
      images: options.images,
      lease,
      cache,
      digests: new FileDigests(options.db),
      locks: parts.locks,
      sources,
      sessions,
      reporter,
      background: new Background(),
      signal,
      log: options.log,
      folder,
      epoch: epochOf(request),
    };
    const end = await made(job, abort, platforms, target);
    parts.records.used(cache.used.keys());
    job.digests.used();
    // Only now is every base image here, and known what it sets.
    for (const finding of await warnings(asked)) reporter.tell({ kind: "warning", finding });
    await reporter.tell({ kind: "result", result: { ...end, steps: { ...reporter.counts } } });
  } finally {
    await Deno.remove(folder, { recursive: true }).catch(() => {});
  }
}

/** What builds need while they run, a folder for each. */
export function filesFolder(home: string): string {
  return join(home, "build-files");
}

/** Stages, outputs, caches. Nothing works on when this has ended. */
async function made(
  job: Job,
  abort: AbortController,
  platforms: readonly Platform[],
  target: number,
): Promise<OutputEnd> {
  try {
    const ends = await runStages(job, abort, platforms, target);
    const end = await makeOutputs(job, ends, (each) => inlineCache(job.request, each));
    await exportCaches(job, ends);
    return end;
  } catch (error) {
    abort.abort(error);
    throw error;
  } finally {
    await job.background.settled();
  }
}

export function platformsOf(request: BuildRequest, host: Platform): Platform[] {
  if (request.platforms.length === 0) return [host];
  return request.platforms.map((text) => {
    const platform = parsePlatform(text);
    if (platform.os === "linux") return platform;
    throw new CtrError("unsupported", `cannot build for "${text}": only Linux images can be built`);
  });
}

async function readDockerfile(request: BuildRequest, sources: Sources): Promise<Dockerfile> {
  const { dockerfile } = request;
  if (dockerfile.kind === "text") {
    return parseDockerfile(dockerfile.text, { name: dockerfile.name });
  }
  const { name, text } = await sources.dockerfile(dockerfile.path);
  return parseDockerfile(text, { name });
}

function hasRun({ stages }: Dockerfile): boolean {
  return stages.some(({ instructions }) => instructions.some(({ keyword }) => keyword === "RUN"));
}

function targetOf(dockerfile: Dockerfile, name: string | undefined): number {
  const last = dockerfile.stages.length - 1;
  if (last < 0) throw new CtrError("bad-data", `cannot build "${dockerfile.name}": it has no FROM`);
  if (name === undefined) return last;
  const found = stageOf(dockerfile, name, last + 1);
  if (found === undefined) throw noSuchTarget(name);
  return found;
}

function epochOf({ buildArgs }: BuildRequest): number | undefined {
  const text = buildArgs["SOURCE_DATE_EPOCH"];
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new CtrError("usage", `cannot use SOURCE_DATE_EPOCH "${text}": want seconds since 1970`);
}
