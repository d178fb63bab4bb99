import type { Exit } from "../api/mod.ts";
import { withDeadline } from "../core/mod.ts";
import type { RunningVm } from "../vm/mod.ts";
import { ExecProcesses } from "./exec_processes.ts";
import { killedExit, lostExit } from "./exit.ts";
import { LiveProcess } from "./live_process.ts";
import { type LogLimits, LogWriter } from "./log_writer.ts";
import { SIGKILL, signalName } from "./signals.ts";
import type { ContainerConfig } from "./types.ts";

/** A guest that cannot kill a process within this is ended itself. */
const KILL_MS = 5000;

export interface LiveOptions {
  readonly run: number;
  /** The folder of the log. */
  readonly logs: string;
  readonly limits: LogLimits;
  /** Input that its first process has taken already. */
  readonly inputTaken: number;
}

/** What lives while the container's VM does. */
export class Live {
  readonly vm: RunningVm;
  readonly log: LogWriter;
  readonly main: LiveProcess;
  readonly execs: ExecProcesses;
  /** Set once its first process has ended, while the VM is being tidied away. */
  ended: Exit | undefined;
  #killed = false;

  constructor(vm: RunningVm, config: ContainerConfig, options: LiveOptions) {
    const { run, logs, limits, inputTaken } = options;
    this.vm = vm;
    this.log = new LogWriter(logs, run, limits);
    this.main = new LiveProcess(vm, config.id, {
      memoryBytes: config.memoryBytes,
      lost: (why) => this.#killed ? killedExit() : lostExit(why),
    }, { store: { writer: this.log, folder: logs }, inputTaken });
    this.execs = new ExecProcesses(vm, config);
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
    await this.vm.kill();
  }

  /** Lets go of it, for an engine that ends while it lives on. */
  release(): void {
    this.main.release();
    this.execs.release();
    this.vm.release();
  }
}
