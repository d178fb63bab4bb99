import type { Container as ContainerObject, Exit, ProcessSpec, Started } from "../api/mod.ts";
import { CtrError, isDiskFull } from "../core/mod.ts";
import { adoptVm, now, type RunningVm, Stopwatch } from "../vm/mod.ts";
import { type Context, exists, type Folders, foldersOf, removeFolder } from "./context.ts";
import { describe, folderBytes, type State } from "./describe.ts";
import { endedProcess } from "./ended_process.ts";
import { lostExit } from "./exit.ts";
import { Live } from "./live.ts";
import type { AttachedProcess } from "./live_process.ts";
import type { LogWriter } from "./log_writer.ts";
import { Mutex } from "./mutex.ts";
import { SIGKILL, signalName, signalNumber } from "./signals.ts";
import { startVm } from "./start_vm.ts";
import type { ContainerRecord } from "./types.ts";

/** How long a container that ended while no engine ran waits for the client that was attached to it. */
const CLIENT_RETURNS_MS = 10_000;

/**
 * One container: its record, its files, and its VM while that lives.
 *
 * What changes its life passes through one mutex. What it is, is derived from what lives.
 */
export class Container {
  readonly #context: Context;
  readonly #id: string;
  readonly #folders: Folders;
  readonly #mutex = new Mutex();
  #live: Live | undefined;
  #phase: "starting" | "stopping" | undefined;
  #adopted: Promise<void> | undefined;
  #removed = false;
  /** Replaced at each start: who waits for an end waits for the one to come. */
  #exited = Promise.withResolvers<Exit>();

  constructor(context: Context, id: string) {
    this.#context = context;
    this.#id = id;
    this.#folders = foldersOf(context.home, id);
  }

  get record(): ContainerRecord {
    const record = this.#context.records.get(this.#id);
    if (record) return record;
    throw new CtrError("not-found", `cannot find "${this.#id.slice(0, 12)}": it was removed`);
  }

  get state(): State {
    if (this.#phase) return this.#phase;
    if (this.#live) return this.#live.ended ? "exited" : "running";
    return this.record.started ? "exited" : "created";
  }

  /** True while it needs the engine: its VM lives or is about to. */
  get active(): boolean {
    return this.#live !== undefined || this.#phase !== undefined;
  }

  async describe(): Promise<ContainerObject> {
    await this.#adopted;
    return await describe(this.record, this.state, this.#folders, this.#live?.vm.vm);
  }

  /**
   * Starts it, unless it runs.
   *
   * @param beganAt When the request came, Unix milliseconds.
   * @throws {CtrError} as the image store, the driver and the guest do; it is as before then.
   */
  async start(beganAt = now()): Promise<Started> {
    const { started, process } = await this.startHeld(beganAt);
    process.begin();
    return started;
  }

  /**
   * As `start()`, for a client that attaches: nothing is taken from the process until it is followed
   * or told to begin, so the client misses nothing of a short life.
   */
  startHeld(beganAt = now()): Promise<{ started: Started; process: AttachedProcess }> {
    return this.#mutex.run(async () => {
      const started = this.#live ? { id: this.#id, notices: [] } : await this.#start(beganAt);
      return { started, process: this.#live!.main };
    });
  }

  async #start(beganAt: number): Promise<Started> {
    const watch = new Stopwatch(beganAt);
    watch.add("engine", beganAt, now());
    this.#phase = "starting";
    try {
      const run = this.record.run + 1;
      const notice = this.#context.hypervisor.notice().catch(() => undefined);
      const { vm, startedMs } = await startVm(this.#context, this.record, watch, () => {
        this.#context.records.update(this.#id, { run });
      });
      this.#exited = Promise.withResolvers();
      this.#live = this.#join(vm, run);
      this.#context.records.update(this.#id, {
        started: { run, atMs: startedMs },
        exit: undefined,
      });
      const line = await notice;
      return { id: this.#id, timing: watch.timing(), notices: line ? [line] : [] };
    } catch (error) {
      await removeFolder(this.#folders.vm);
      throw error;
    } finally {
      this.#phase = undefined;
      this.#context.onChange();
    }
  }

  /** Begins to follow a VM whose first process was started. */
  #join(vm: RunningVm, run: number, adopted?: { readonly inputTaken: number }): Live {
    const live = new Live(vm, this.record.config, {
      run,
      logs: this.#folders.logs,
      limits: this.#context.logLimits,
      inputTaken: adopted?.inputTaken ?? 0,
    });
    const joinedMs = now();
    live.main.exit.then((exit) => {
      // Its client has lost the engine, and is about to come back for the end.
      const returning = adopted !== undefined && now() - joinedMs < CLIENT_RETURNS_MS;
      return this.#mainEnded(live, exit, returning ? CLIENT_RETURNS_MS : 0);
    }).catch((error) => {
      this.#context.log.error("the end of a container", { id: this.#id, error });
    });
    return live;
  }

  async #mainEnded(live: Live, exit: Exit, lingerMs: number): Promise<void> {
    live.ended = exit;
    if (this.#removed) return;
    const { autoRemove } = this.record.config;
    const discard = autoRemove && lingerMs === 0;
    if (!discard) this.#recordEnd({ ...exit, run: live.log.run });
    live.log.wake();
    this.#exited.resolve(exit); // told before the tidying: clients need not wait for it
    await this.#mutex.run(() => this.#tidy(live, discard));
    if (autoRemove && !discard) this.#removeLater(lingerMs);
  }

  /** A full disk takes no record: those who wait are told, and the VM ends, all the same. */
  #recordEnd(exit: Exit & { readonly run: number }): void {
    try {
      this.#context.records.update(this.#id, { exit });
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.#context.log.error("record the end of a container", { id: this.#id, error });
    }
  }

  /** Ends the VM of a container that has ended. */
  async #tidy(live: Live, discard: boolean): Promise<void> {
    if (this.#live !== live || this.#removed) return;
    if (discard) await live.vm.kill();
    else if (!live.vm.gone) await live.vm.shutdown(0);
    live.log[Symbol.dispose]();
    if (discard) await this.#erase();
    else await removeFolder(this.#folders.vm);
    this.#live = undefined;
    this.#context.onChange();
  }

  #removeLater(ms: number): void {
    setTimeout(() => this.remove(true).catch(() => {}), ms);
  }

  /** Resolves with its end; at once if it does not run. */
  async wait(): Promise<Exit> {
    const live = await this.#afterStart();
    if (live) return await this.#exited.promise;
    const { exit } = this.record;
    if (!exit) throw this.#notRunning("wait for");
    return withoutRun(exit);
  }

  /** Asks it to end, and makes it after the grace. Resolves once it has ended. */
  async stop(signal?: string, timeoutMs?: number): Promise<void> {
    const { config } = this.record;
    const first = signalNumber(signal ?? config.stopSignal);
    const live = await this.#afterStart();
    if (!live || live.ended) return;
    this.#phase = "stopping";
    try {
      await live.stop(first, timeoutMs ?? config.stopTimeoutMs);
    } finally {
      this.#phase = undefined;
      await this.#mutex.run(() => Promise.resolve()); // the tidying
    }
  }

  /** @throws {CtrError} `invalid-state` if it does not run. */
  async kill(signal: string): Promise<void> {
    const number = signalNumber(signal);
    const live = await this.#afterStart();
    if (!live || live.ended) throw this.#notRunning("signal");
    await live.main.signal(signalName(number));
    if (number === SIGKILL) await live.main.exit;
  }

  /**
   * Removes it with all its files.
   *
   * @throws {CtrError} `invalid-state` if it runs, without `force`.
   */
  async remove(force: boolean): Promise<void> {
    const live = this.#live;
    if (live && (live.ended || force)) { // what its guest would still write goes with it
      await live.kill();
    }
    await this.#mutex.run(async () => {
      if (this.#removed) return;
      if (this.#live && !this.#live.ended && !force) {
        throw new CtrError(
          "invalid-state",
          `cannot remove "${this.record.config.name}": it is running`,
          { hint: "stop it first, or use: ctr rm -f" },
        );
      }
      const live = this.#live;
      if (live) {
        await live.kill();
        this.#exited.resolve(await live.main.exit);
        live.log[Symbol.dispose]();
      }
      await this.#erase();
      this.#live = undefined;
      this.#context.onChange();
    });
  }

  /** The record first: a folder without one is swept by the next engine. */
  async #erase(): Promise<void> {
    this.#removed = true;
    try {
      this.#context.records.delete(this.#id);
    } catch (error) {
      this.#removed = false;
      if (!isDiskFull(error)) throw error;
      // What is to go makes the room that the record of it wants.
      await Deno.remove(this.#folders.upper);
      this.#context.records.delete(this.#id);
      this.#removed = true;
    }
    await removeFolder(this.#folders.root);
  }

  /**
   * Joins the streams of its first process, or of an added one.
   *
   * @throws {CtrError} `invalid-state` if it never ran, `not-found` for an unknown process.
   */
  async attach(process?: string): Promise<AttachedProcess> {
    const live = await this.#afterStart();
    if (process !== undefined && process !== this.#id) {
      if (!live) throw this.#notRunning("attach to");
      return live.execs.attach(process);
    }
    if (live) return live.main;
    const { exit } = this.record;
    if (!exit) throw this.#notRunning("attach to");
    return endedProcess(this.#folders.logs, exit.run, withoutRun(exit));
  }

  /** Adds a process. It runs when this returns if `detach`, else when somebody attaches. */
  async exec(spec: ProcessSpec, detach: boolean): Promise<string> {
    const live = await this.#afterStart();
    if (!live || live.ended) throw this.#notRunning("run a process in");
    return await live.execs.add(spec, detach);
  }

  /** Its VM, after a start that is under way; undefined when it does not run. */
  async runningVm(): Promise<RunningVm | undefined> {
    const live = await this.#afterStart();
    return live && !live.ended ? live.vm : undefined;
  }

  /** Does `work` while nothing else changes its life. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(work);
  }

  /** The run whose log is being written, for those who follow it. */
  get liveLog(): LogWriter | undefined {
    return this.#live?.log;
  }

  get folders(): Folders {
    return this.#folders;
  }

  /** What runs its guest's instructions, while it has one. */
  get accelerator(): string | undefined {
    return this.#live?.vm.vm.accelerator;
  }

  /** Host memory of its VM. */
  async footprintBytes(): Promise<number> {
    return await this.#live?.vm.vm.footprintBytes() ?? 0;
  }

  /** What its files cost. */
  sizeInBytes(): Promise<number> {
    return folderBytes(this.#folders.root);
  }

  /** Sets the guest's clock. */
  async setTime(): Promise<void> {
    await this.#live?.vm.guest.setTime(now()).catch(() => {});
  }

  /** Finds what an earlier engine left of it. Called once, before anything else. */
  adopt(): Promise<void> {
    return this.#adopted = this.#mutex.run(() => this.#adopt());
  }

  async #adopt(): Promise<void> {
    // Without files there is nothing that could be started: it was removed by hand.
    if (!await exists(this.#folders.root)) return this.#context.records.delete(this.#id);
    const { hypervisor, connect } = this.#context;
    const vm = await adoptVm(hypervisor, connect, this.#folders.vm);
    const processes = vm ? await vm.guest.processes().catch(() => []) : [];
    const main = processes.find(({ processId }) => processId === this.#id);
    if (vm && main) {
      const { run, started } = this.record;
      if (started?.run !== run) {
        const atMs = main.startedMs;
        this.#context.records.update(this.#id, { started: { run, atMs }, exit: undefined });
      }
      const live = this.#join(vm, run, { inputTaken: main.inputOffset });
      live.main.begin();
      live.execs.adopt(processes.filter(({ processId }) => processId !== this.#id));
      this.#live = live;
      return;
    }
    await vm?.kill();
    await removeFolder(this.#folders.vm);
    await this.#settle();
  }

  /** Nothing lives: a run without an end was lost, and what removes itself goes. */
  async #settle(): Promise<void> {
    const { started, exit, config } = this.record;
    if (started && exit?.run !== started.run) {
      const lost = lostExit("the engine was away when it happened");
      this.#context.records.update(this.#id, { exit: { ...lost, run: started.run } });
      this.#exited.resolve(lost);
      if (config.autoRemove) this.#removeLater(CLIENT_RETURNS_MS);
    } else if (exit && config.autoRemove) {
      await this.#erase();
    }
  }

  /** Lets go of it, for an engine that ends while it lives on. */
  release(): void {
    this.#live?.release();
  }

  /** Its VM, after a start that is under way. */
  async #afterStart(): Promise<Live | undefined> {
    if (this.#phase === "starting" || !this.#live) await this.#mutex.run(() => Promise.resolve());
    return this.#live;
  }

  #notRunning(verb: string): CtrError {
    const { name } = this.record.config;
    return new CtrError("invalid-state", `cannot ${verb} "${name}": it is not running`, {
      hint: `start it with: ctr start ${name}`,
    });
  }
}

function withoutRun({ run: _run, ...exit }: Exit & { readonly run: number }): Exit {
  return exit;
}
