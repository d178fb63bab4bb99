/** All builds of one home. */
import { join } from "node:path";
import type {
  BuildCacheRecord,
  BuilderStatus,
  BuilderStopReply,
  BuildPruneReply,
  BuildPruneRequest,
  BuildRequest,
} from "../api/mod.ts";
import { migrate } from "../core/mod.ts";
import type { Dockerfile } from "../dockerfile/mod.ts";
import { formatPlatform, linuxPlatform } from "../oci/mod.ts";
import { build, filesFolder } from "./build.ts";
import { KeyLocks } from "./cache/key_locks.ts";
import { MIGRATIONS } from "./cache/schema.ts";
import type { StepCache } from "./cache/step_cache.ts";
import { StepRecords } from "./cache/step_records.ts";
import { cancelled, failedEvent } from "./failure.ts";
import { Reporter } from "./reporter.ts";
import type { StepRunner } from "./run/types.ts";
import { Inventory } from "./cache/inventory.ts";
import type { Builder, BuilderOptions, BuilderUsage, BuildIo } from "./types.ts";

/** Of this folder's tables. */
const DOMAIN = "build";

interface Running {
  readonly id: string;
  readonly request: BuildRequest;
  readonly startedAt: Date;
  readonly reporter: Reporter;
  readonly abort: AbortController;
  /** Aborted when nobody wants the build any more. */
  readonly signal: AbortSignal;
  readonly done: Promise<void>;
  cache: StepCache | undefined;
}

/** @param options `images` keep what `cachedLayers` of the same database names. */
export function openBuilder(options: BuilderOptions): Builder {
  migrate(options.db, DOMAIN, MIGRATIONS);
  return new Builds(options);
}

/** The layers that the image store keeps for the cache. */
export function cachedLayers(db: BuilderOptions["db"]): StepRecords {
  migrate(db, DOMAIN, MIGRATIONS);
  return new StepRecords(db);
}

class Builds implements Builder {
  readonly #options: BuilderOptions;
  readonly #records: StepRecords;
  readonly #locks = new KeyLocks();
  readonly #running = new Map<string, Running>();
  #runner: StepRunner | undefined;
  #ready: Promise<void> = Promise.resolve();

  constructor(options: BuilderOptions) {
    this.#options = { ...options, runner: () => this.#runner ??= options.runner() };
    this.#records = new StepRecords(options.db);
  }

  get active(): number {
    return this.#running.size;
  }

  async build(request: BuildRequest, io: BuildIo): Promise<void> {
    const id = crypto.randomUUID().slice(0, 13);
    const abort = new AbortController();
    const signal = AbortSignal.any([io.signal, abort.signal]);
    const done = Promise.withResolvers<void>();
    const reporter = new Reporter((event) => io.emit(event));
    const running: Running = {
      id,
      request,
      startedAt: new Date(),
      reporter,
      abort,
      signal,
      done: done.promise,
      cache: undefined,
    };
    this.#running.set(id, running);
    let dockerfile: Dockerfile | undefined;
    try {
      await this.#ready;
      await build({
        id,
        options: this.#options,
        records: this.#records,
        locks: this.#locks,
        reporter,
        upload: io.upload,
        signal,
        onDockerfile: (read) => dockerfile = read,
        onCache: (cache) => running.cache = cache,
      }, request);
    } catch (error) {
      const event = failedEvent(signal.aborted ? cancelled() : error, dockerfile);
      if (event.kind === "failed" && event.code === "internal") {
        this.#options.log.error("build", { error });
      }
      await io.emit(event);
    } finally {
      this.#running.delete(id);
      done.resolve();
    }
  }

  async status(): Promise<BuilderStatus> {
    const { sizeInBytes, reclaimable, total } = await this.usage();
    const living = [...this.#running.values()].filter(({ signal }) => !signal.aborted);
    const host = formatPlatform(linuxPlatform(Deno.build.arch));
    const builds = living.map(({ id, request, startedAt, reporter }) => ({
      id,
      startedAt: startedAt.toISOString(),
      title: titleOf(request),
      platforms: request.platforms.length > 0 ? [...request.platforms] : [host],
      steps: { ...reporter.counts },
    }));
    const vms = (this.#runner?.status() ?? []).map((vm) => ({
      platform: `linux/${vm.architecture}`,
      pid: 0,
      cpus: vm.cpus,
      memoryInBytes: vm.memoryBytes,
      addresses: [],
      startedAt: vm.startedAt.toISOString(),
    }));
    const state = builds.length > 0 ? "running" as const : "idle" as const;
    return { state, builds, vms, cache: { records: total, sizeInBytes, reclaimable } };
  }

  async cache(filters: readonly string[]): Promise<readonly BuildCacheRecord[]> {
    return await this.#inventory().list(filters);
  }

  async prune(request: BuildPruneRequest): Promise<BuildPruneReply> {
    return await this.#inventory().prune(request);
  }

  async usage(): Promise<BuilderUsage> {
    return await this.#inventory().usage();
  }

  async stop(): Promise<BuilderStopReply> {
    const running = [...this.#running.values()];
    for (const { abort } of running) abort.abort(cancelled());
    await Promise.allSettled(running.map(({ done }) => done));
    await this.#runner?.stop();
    return { stopped: running.map(({ id }) => id) };
  }

  adopting(work: Promise<unknown>): void {
    this.#ready = work.then(() => this.#sweep()).catch((error) => {
      this.#options.log.error("sweep what an earlier engine's builds left", { error });
    });
  }

  async #sweep(): Promise<void> {
    const folder = filesFolder(this.#options.home);
    await this.#options.runner().sweep();
    try {
      for await (const { name } of Deno.readDir(folder)) {
        if (this.#running.has(name)) continue;
        await Deno.remove(join(folder, name), { recursive: true });
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #inventory(): Inventory {
    const inUse = new Set<string>();
    for (const { cache } of this.#running.values()) {
      for (const key of cache?.used.keys() ?? []) inUse.add(key);
    }
    return new Inventory({
      records: this.#records,
      images: this.#options.images,
      db: this.#options.db,
      runner: () => this.#runner ??= this.#options.runner(),
      inUse,
    });
  }
}

function titleOf({ tags, context }: BuildRequest): string {
  if (tags[0] !== undefined) return tags[0];
  if (context.kind === "folder") return context.path;
  return context.kind === "git" || context.kind === "url" ? context.url : context.kind;
}
