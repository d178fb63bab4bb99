import { statfs } from "node:fs/promises";
import { CtrError } from "../../core/mod.ts";
import type { GuestExit, LowerSpec, RunningVm } from "../../vm/mod.ts";
import type { BuilderVm } from "./builder_vm.ts";
import type { RunContext } from "./context.ts";
import { routeOf } from "./emulators.ts";
import { isOutcome, Outcome, outcomeIn } from "./outcome.ts";
import { forwardAgents } from "./ssh_agents.ts";
import { TakenCaches } from "./taken_caches.ts";
import { followStep } from "./step_output.ts";
import { bindFolder, scratchFolder, stepRequest } from "./step_request.ts";
import type { Lower, RunResult, RunStep, SessionOptions, StepIo, StepSession } from "./types.ts";
import type { VmLease, VmPool } from "./vm_pool.ts";

/** A host whose disk has less left than this is said to be full when a step fails. */
const FULL_BYTES = 16 * 1024 ** 2;

export class Session implements StepSession {
  readonly #context: RunContext;
  readonly #pool: VmPool;
  readonly #options: SessionOptions;
  readonly #outcomes: Outcome[] = [];
  readonly #over = new AbortController();
  #lease: Promise<VmLease> | undefined;
  #search: Promise<readonly string[]> | undefined;

  constructor(context: RunContext, pool: VmPool, options: SessionOptions) {
    this.#context = context;
    this.#pool = pool;
    this.#options = options;
  }

  prepare(): void {
    this.#vm().catch(() => {}); // told to the first step
  }

  async run(step: RunStep, io: StepIo): Promise<RunResult> {
    io.signal?.throwIfAborted();
    const vm = await this.#vm();
    const running = await unlessAborted(vm.running, io.signal);
    const id = `step-${vm.next()}`;
    const caches = await TakenCaches.take(vm.request.cache, step, io.signal);
    try {
      const ended = await this.#execute(vm, running, step, { id, caches, io });
      return await this.#resultOf(vm, id, step, ended);
    } finally {
      caches.release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#outcomes.map(({ layer }) => layer));
    this.#over.abort(new CtrError("cancelled", "the build has ended"));
    const lease = await this.#lease?.catch(() => undefined);
    lease?.vm.forget(this.#outcomes.map(({ folder }) => folder)); // for other builds' steps
    await lease?.[Symbol.asyncDispose]();
  }

  /** Runs the step to its end and takes apart what was set up for it. */
  async #execute(
    vm: BuilderVm,
    running: RunningVm,
    step: RunStep,
    { id, caches, io }: { id: string; caches: TakenCaches; io: StepIo },
  ): Promise<Ended> {
    const request = await stepRequest(step, {
      vm,
      id,
      session: this.#options,
      lowers: await this.#lowers(step.lowers, vm),
      treeOf: (tree) => this.#lowers(tree.lowers, vm),
      caches: caches.folders,
      search: await this.#searchDomains(),
    });
    const over = new AbortController();
    let ended: Ended | undefined;
    try {
      const { atMs } = await running.guest.startContainer(request);
      forwardAgents(running, step, id, over.signal);
      const exit = await followStep(running, id, io);
      return ended = { exit, tookMs: Math.max(0, exit.atMs - atMs) };
    } finally {
      over.abort();
      const keep = ended?.exit.status === 0 && step.layer !== undefined;
      await this.#remove(running, id, keep);
      vm.forget([
        ...keep ? [] : [scratchFolder(id)],
        ...step.mounts.flatMap(({ kind }, at) => kind === "bind" ? [bindFolder(id, at)] : []),
      ]);
    }
  }

  async #remove(running: RunningVm, id: string, keep: boolean): Promise<void> {
    try {
      await running.guest.removeContainer(id, { settle: keep });
    } catch (error) {
      if (!keep) return; // it was never there, or its VM is gone
      await this.#refuseFullDisk();
      throw error;
    }
  }

  async #resultOf(
    vm: BuilderVm,
    id: string,
    step: RunStep,
    { exit, tookMs }: Ended,
  ): Promise<RunResult> {
    const { status: exitStatus, oomKilled } = exit;
    if (exitStatus !== 0) await this.#refuseFullDisk();
    if (exitStatus !== 0 || !step.layer) return { exitStatus, oomKilled, tookMs };
    const { layer, lowers } = step;
    const outcome = new Outcome(vm, id, { id: step.id, lowers, layer }, this.#over.signal);
    this.#outcomes.push(outcome);
    return { exitStatus, oomKilled, tookMs, outcome };
  }

  /** What a program says of a full disk is seldom what it is. */
  async #refuseFullDisk(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#context.home);
    if (bavail * bsize >= FULL_BYTES) return;
    throw new CtrError("no-space", "cannot run the step: no space is left on the disk of the host");
  }

  #lowers(lowers: readonly Lower[], vm: BuilderVm): Promise<LowerSpec[]> {
    return Promise.all(
      lowers.map(async (lower) =>
        isOutcome(lower) ? { upperFolder: `${outcomeIn(lower, vm).folder}` } : await vm.lower(lower)
      ),
    );
  }

  #searchDomains(): Promise<readonly string[]> {
    return this.#search ??= this.#context.networks.searchDomains();
  }

  async #vm(): Promise<BuilderVm> {
    this.#lease ??= this.#take();
    try {
      return (await this.#lease).vm;
    } catch (error) {
      this.#lease = undefined;
      throw error;
    }
  }

  async #take(): Promise<VmLease> {
    const { buildId, platform, networkName = "default", cpus, memoryBytes } = this.#options;
    const defaults = await this.#context.defaults();
    const route = await routeOf(this.#context, platform.architecture);
    const lease = await this.#pool.lease(buildId, {
      architecture: route.vm,
      networkName,
      cpus: cpus ?? defaults.cpus,
      memoryBytes: memoryBytes ?? defaults.memoryBytes,
      emulators: route.disk,
    });
    try {
      const { emulator } = route;
      if (lease.fresh) {
        const what = `booting a VM for linux/${platform.architecture}`;
        this.#options.onNotice?.(what, lease.vm.running);
      }
      if (emulator) await lease.vm.emulate(emulator);
      return lease;
    } catch (error) {
      await lease[Symbol.asyncDispose]();
      throw error;
    }
  }
}

interface Ended {
  readonly exit: GuestExit;
  readonly tookMs: number;
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return await work;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
