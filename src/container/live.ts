import type { Exit, Health } from "../api/mod.ts";
import { withDeadline } from "../core/mod.ts";
import type { GuestProcessState, RunningVm } from "../vm/mod.ts";
import { ExecProcesses, type ToldOfExec } from "./exec_processes.ts";
import { killedExit, lostExit } from "./exit.ts";
import { planOf } from "./health_plan.ts";
import { type HealthParts, HealthWatch, UNKNOWN_HEALTH } from "./health_watch.ts";
import { LiveProcess } from "./live_process.ts";
import { type LogLimits, LogWriter } from "./log_writer.ts";
import { endProbe, isProbe } from "./probe.ts";
import { SIGKILL, signalName } from "./signals.ts";
import { isSocketStream } from "./sockets/plan.ts";
import { writesOutside } from "./outside_writes.ts";
import type { ContainerConfig } from "./types.ts";

/** A guest that cannot kill a process within this is ended itself. */
const KILL_MS = 5000;

export interface LiveOptions {
  readonly run: number;
  /** When the first process began, Unix milliseconds. */
  readonly startedMs: number;
  /** The folder of the log. */
  readonly logs: string;
  readonly limits: LogLimits;
  /** Input that its first process has taken already. */
  readonly inputTaken: number;
  /** Where an earlier engine left off. */
  readonly health: Health | undefined;
  readonly onProbe: HealthParts["onProbe"];
  readonly onExec: ToldOfExec;
}

/** What lives while the container's VM does. */
export class Live {
  readonly vm: RunningVm;
  readonly log: LogWriter;
  readonly main: LiveProcess;
  readonly execs: ExecProcesses;
  readonly health: HealthWatch | undefined;
  /** Set once its first process has ended, while the VM is being tidied away. */
  ended: Exit | undefined;
  /** It goes with all its files once it has ended. */
  discard = false;
  /** It is started again by who ends it. */
  again = false;
  /** Stops that are under way. */
  stopping = 0;
  readonly #id: string;
  readonly #writesOutside: () => boolean;
  #paused = false;
  #killed = false;

  /** @param config As it is now: a name or a limit may change. */
  constructor(vm: RunningVm, config: () => ContainerConfig, options: LiveOptions) {
    const { run, logs, limits, inputTaken, startedMs, onProbe } = options;
    const { id, health } = config();
    this.#writesOutside = () => writesOutside(config());
    this.vm = vm;
    this.#id = id;
    this.log = new LogWriter(logs, run, limits);
    this.main = new LiveProcess(vm, id, {
      memoryBytes: () => config().memoryBytes,
      lost: (why) => this.#killed ? killedExit() : lostExit(why),
    }, { store: { writer: this.log, folder: logs }, inputTaken });
    this.execs = new ExecProcesses(vm, config, options.onExec);
    const plan = planOf(health);
    this.health = plan && new HealthWatch({
      vm,
      config,
      plan,
      startedMs,
      health: options.health ?? UNKNOWN_HEALTH,
      onProbe,
    });
  }

  /** Takes over what an earlier engine left in the guest. */
  async adopt(processes: readonly GuestProcessState[]): Promise<void> {
    const others = processes.filter(({ processId }) => processId !== this.#id);
    this.execs.adopt(
      others.filter(({ processId }) => !isProbe(processId) && !isSocketStream(processId)),
    );
    for (const { processId } of others) {
      if (isProbe(processId)) endProbe(this.vm.guest, processId);
    }
    const state = await this.vm.guest.containerState(this.#id).catch(() => undefined);
    this.#paused = state?.frozen ?? false;
  }

  /** Its first process may run on; its health is watched from now on. */
  begin(): void {
    if (!this.#paused && !this.ended) this.health?.begin();
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Stops its processes where they are. */
  async freeze(): Promise<void> {
    this.health?.hold();
    try {
      await this.vm.guest.freeze(this.#id, { processes: true });
      this.#paused = true;
    } catch (error) {
      this.begin();
      throw error;
    }
  }

  /** Lets its processes go on, if they are stopped. */
  async thaw(): Promise<void> {
    if (!this.#paused || this.ended) return;
    await this.vm.guest.thaw(this.#id, { processes: true });
    this.#paused = false;
    this.begin();
  }

  /** Asks its first process to end, makes it after the grace, and ends the VM if that fails too. */
  async stop(signal: number, graceMs: number): Promise<void> {
    if (await this.#signalAndWait(signal, graceMs)) return;
    if (await this.#signalAndWait(SIGKILL, KILL_MS)) return;
    await this.kill();
    await this.main.exit;
  }

  /** @returns Whether it has ended within `ms`. */
  async #signalAndWait(signal: number, ms: number): Promise<boolean> {
    const all = signal === SIGKILL;
    this.main.signal(signalName(signal), { all }).catch(() => {});
    try {
      await withDeadline("waiting for the container to stop", ms, () => this.main.exit);
      return true;
    } catch {
      return false;
    }
  }

  /** Ends the VM at once. Its process was killed then, not lost. */
  async kill(): Promise<void> {
    this.#killed = true;
    this.health?.hold();
    await this.vm.kill();
  }

  /** As `kill()`, for a container that goes with its files: what it has written elsewhere stays. */
  async discardVm(): Promise<void> {
    if (!this.#writesOutside() || this.vm.gone) return await this.kill();
    this.#killed = true;
    this.health?.hold();
    await this.vm.shutdown(0);
  }

  /** Lets go of it, for an engine that ends while it lives on. */
  release(): void {
    this.health?.hold();
    this.main.release();
    this.execs.release();
    this.vm.release();
  }
}
