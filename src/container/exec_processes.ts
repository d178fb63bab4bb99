import type { Exit, ProcessSpec } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { GuestProcessState, RunningVm } from "../vm/mod.ts";
import { lostExit } from "./exit.ts";
import { guestProcess } from "./guest_request.ts";
import { type AttachedProcess, LiveProcess } from "./live_process.ts";
import { mergeExec } from "./merge.ts";
import type { OutputSink } from "./process_output.ts";
import type { ContainerConfig, ProcessConfig } from "./types.ts";

/** Told what becomes of each: `exec_create`, `exec_start`, `exec_die`. */
export type ToldOfExec = (action: string, facts: Readonly<Record<string, string>>) => void;

/** How long a process whose client is gone is kept for it, and one that was never started. */
const CLIENT_RETURNS_MS = 30_000;

/**
 * The processes that were added to a running container.
 *
 * Their output has no log. It stays in the guest until a client has taken it; when nobody follows
 * any more it is dropped, so that the process does not wait for ever.
 */
export class ExecProcesses {
  readonly #vm: RunningVm;
  readonly #config: () => ContainerConfig;
  readonly #told: ToldOfExec;
  readonly #waiting = new Map<string, ProcessConfig>();
  readonly #live = new Map<string, LiveProcess>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #deliveries = new Set<OutputSink>();

  constructor(vm: RunningVm, config: () => ContainerConfig, told: ToldOfExec) {
    this.#vm = vm;
    this.#config = config;
    this.#told = told;
  }

  /** @returns Its ID. */
  async add(spec: ProcessSpec, startNow: boolean): Promise<string> {
    const id = crypto.getRandomValues(new Uint8Array(16)).toHex();
    const process = mergeExec(spec, this.#config());
    this.#told("exec_create", { execID: id, command: process.args.join(" ") });
    if (startNow) {
      (await this.#start(id, process)).begin();
    } else {
      this.#waiting.set(id, process);
      this.#later(() => this.#waiting.delete(id));
    }
    return id;
  }

  /** Starts it if that was put off until now. */
  async attach(id: string): Promise<AttachedProcess> {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    const live = waiting ? await this.#start(id, waiting) : this.#live.get(id);
    if (!live) throw new CtrError("not-found", `cannot attach to process "${id}": it has ended`);
    return {
      input: live.input,
      begin: () => live.begin(),
      resize: (rows, columns) => live.resize(rows, columns),
      signal: (name) => live.signal(name),
      follow: (sink, from) => this.#follow(live, sink, from),
    };
  }

  /** Takes over what runs in the guest, or has ended there without having been told. */
  adopt(states: readonly GuestProcessState[]): void {
    for (const state of states) {
      const at = { outputBegin: state.outputBegin, inputTaken: state.inputOffset };
      const live = this.#add(state.processId, at);
      this.#later(() => live.begin());
    }
  }

  release(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const live of this.#live.values()) live.release();
  }

  async #start(id: string, process: ProcessConfig): Promise<LiveProcess> {
    const config = this.#config();
    await this.#vm.guest.startProcess(config.id, guestProcess(id, process, config));
    this.#told("exec_start", { execID: id, command: process.args.join(" ") });
    return this.#add(id);
  }

  #add(id: string, at: { outputBegin?: number; inputTaken?: number } = {}): LiveProcess {
    const memoryBytes = () => this.#config().memoryBytes;
    const live = new LiveProcess(this.#vm, id, { memoryBytes, lost: lostExit }, at);
    this.#live.set(id, live);
    live.exit.then(({ status }) => {
      this.#told("exec_die", { execID: id, exitCode: String(status) });
      return this.#forget(live);
    });
    return live;
  }

  async #follow(live: LiveProcess, sink: OutputSink, from?: number): Promise<Exit | undefined> {
    const following = live.follow(sink, from);
    this.#deliveries.add(sink);
    try {
      return await following;
    } finally {
      this.#deliveries.delete(sink);
    }
  }

  /** The guest may drop it once its last byte has left us. */
  async #forget(live: LiveProcess): Promise<void> {
    await Promise.all([...this.#deliveries].map((sink) => sink.drained()));
    await this.#vm.guest.forget(live.id).catch(() => {});
    this.#later(() => this.#live.delete(live.id));
  }

  #later(work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, CLIENT_RETURNS_MS);
    this.#timers.add(timer);
  }
}
