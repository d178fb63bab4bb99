import type {
  Container as ContainerObject,
  Exit,
  ProcessSpec,
  Started,
  UpdateReply,
  UpdateRequest,
  WaitRequest,
} from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import { now, type RunningVm } from "../vm/mod.ts";
import { configure, handAgent, rename, update } from "./configure.ts";
import type { Context, Folders } from "./context.ts";
import { describe, folderBytes, type State } from "./describe.ts";
import { endLive, kill, remove, stop } from "./ending.ts";
import { endedProcess } from "./ended_process.ts";
import { ContainerFiles } from "./files/container_files.ts";
import type { Gate } from "./gate.ts";
import { changeNetworks, type NetworkChange } from "./networking/change_networks.ts";
import { Lifetime } from "./lifetime.ts";
import type { Live } from "./live.ts";
import type { AttachedProcess } from "./live_process.ts";
import type { LogWriter } from "./log_writer.ts";
import { signalNumber } from "./signals.ts";
import type { ContainerConfig, ContainerRecord } from "./types.ts";
import { waitBounded, waitFor } from "./wait_for.ts";
import { type ProbeResult, runProbe } from "./probe.ts";
import { wrongState } from "./wrong_state.ts";

/** One container: its record, its files, its VM while that lives, and what may be asked of it. */
export class Container {
  readonly #context: Context;
  readonly #life: Lifetime;
  #files: ContainerFiles | undefined;
  #adopted: Promise<void> | undefined;

  /** @param gate Through which it passes when its policy starts it. */
  constructor(context: Context, id: string, gate: Gate) {
    this.#context = context;
    this.#life = new Lifetime(context, id, gate);
  }

  /** @throws {CtrError} `not-found` once it was removed. */
  get record(): ContainerRecord {
    return this.#life.mustRecord;
  }

  get state(): State {
    const { starting, live, restarts } = this.#life;
    if (starting) return "starting";
    if (live && !live.ended) {
      if (live.stopping > 0) return "stopping";
      return live.paused ? "paused" : "running";
    }
    if (restarts.waiting) return "restarting";
    return this.record.started ? "exited" : "created";
  }

  /** True while it needs the engine: its VM lives or is about to. */
  get active(): boolean {
    const { live, starting, restarts } = this.#life;
    return live !== undefined || starting || restarts.waiting;
  }

  /** @param options.size Look up what its writable disk costs. */
  async describe(options: { readonly size: boolean } = { size: true }): Promise<ContainerObject> {
    await this.#adopted;
    const { live, folders } = this.#life;
    return await describe(this.record, this.state, {
      vm: live?.vm.vm,
      health: live?.health?.health,
      upper: options.size ? folders.upper : undefined,
      home: this.#context.home,
      endpoints: this.#context.networks.endpointsOf(this.#life.id),
      published: this.#context.networks.publishedOf(this.#life.id),
    });
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
    return this.#life.mutex.run(async () => {
      const { id, live } = this.#life;
      void this.record; // or it was removed
      const started = live && !live.ended
        ? { id, notices: [] }
        : await this.#life.start(beganAt, "user");
      return { started, process: this.#life.live!.main };
    });
  }

  /** Resolves with its end; at once if it does not run. */
  async wait(): Promise<Exit> {
    const live = await this.#life.settled();
    if (live) return await this.#life.exited;
    const { exit } = this.record;
    if (!exit) throw this.#notRunning("wait for");
    return withoutRun(exit);
  }

  /** Resolves when it is as wanted. @throws {CtrError} as `wait()` and `waitFor()`. */
  async waitFor(request: WaitRequest, signal?: AbortSignal): Promise<Exit | undefined> {
    const { for: wanted, timeoutMs } = request;
    await this.#adopted;
    if (wanted !== "stopped") {
      const watched = () => {
        const { record, live } = this.#life;
        return record && { record, state: this.state, health: live?.health?.health };
      };
      await waitFor(this.#life.changes, watched, wanted, { timeoutMs, signal });
      return undefined;
    }
    const what = `waiting for "${this.record.config.name}" to end`;
    return await waitBounded(this.wait(), { what, timeoutMs, signal });
  }

  /** Asks it to end, and makes it after the grace. Resolves once it has ended. */
  stop(signal?: string, timeoutMs?: number): Promise<void> {
    return stop(this.#life, signal, timeoutMs);
  }

  /**
   * Ends it, if it runs, and starts it. An engine that is killed in between leaves the start to the
   * next one.
   */
  async restart(signal?: string, timeoutMs?: number): Promise<Started> {
    const life = this.#life;
    const first = signalNumber(signal ?? life.config.stopSignal);
    const live = await life.settled();
    if (live && !live.ended) {
      live.again = true;
      await endLive(life, live, first, timeoutMs);
    }
    try {
      const started = await this.start();
      life.emit("restart");
      return started;
    } catch (error) {
      await this.#notAgain();
      throw error;
    }
  }

  /** It was ended to be started, and that failed. */
  async #notAgain(): Promise<void> {
    const { record, restarts } = this.#life;
    if (record?.config.autoRemove) await this.remove(true);
    else if (record && restarts.waiting) await restarts.stoppedByHand();
  }

  /** @throws {CtrError} `invalid-state` if it does not run. */
  kill(signal: string): Promise<void> {
    return kill(this.#life, signal);
  }

  /** Stops its processes where they are. @throws {CtrError} `invalid-state`. */
  async pause(): Promise<void> {
    await this.#life.mutex.run(async () => {
      const live = this.#mustRun("pause");
      if (live.paused) throw this.#wrongState("pause", "it is paused already");
      await live.freeze();
    });
    this.#life.tell("pause");
  }

  /** @throws {CtrError} `invalid-state` if it is not paused. */
  async unpause(): Promise<void> {
    await this.#life.mutex.run(async () => {
      const live = this.#mustRun("unpause");
      if (!live.paused) throw this.#wrongState("unpause", "it is not paused");
      await live.thaw();
    });
    this.#life.tell("unpause");
  }

  /** Says where the ssh-agent of its caller listens now, if it forwards one. */
  handAgent(socket: string): Promise<void> {
    return handAgent(this.#life, this.#context.records, socket);
  }

  /** Changes limits and the restart policy. @throws {CtrError} as `updated()`. */
  update(request: UpdateRequest): Promise<UpdateReply> {
    return update(this.#life, this.#context.records, request);
  }

  /**
   * Gives it another name.
   *
   * @param reserved Whether a container of that name is being made.
   * @throws {CtrError} `exists` if the name is taken.
   */
  rename(name: string, reserved: (name: string) => boolean): Promise<void> {
    return rename(this.#life, this.#context, name, reserved);
  }

  /**
   * Removes it with all its files.
   *
   * @param options.volumes With its anonymous volumes.
   * @throws {CtrError} `invalid-state` if it runs, without `force`.
   */
  remove(force: boolean, options = { volumes: false }): Promise<void> {
    return remove(this.#life, { force, ...options }, () => this.state);
  }

  /**
   * Joins the streams of its first process, or of an added one.
   *
   * @throws {CtrError} `invalid-state` if it never ran, `not-found` for an unknown process.
   */
  async attach(process?: string): Promise<AttachedProcess> {
    const live = await this.#life.settled();
    if (process !== undefined && process !== this.#life.id) {
      if (!live) throw this.#notRunning("attach to");
      return live.execs.attach(process);
    }
    if (live) return live.main;
    const { exit } = this.record;
    if (!exit) throw this.#notRunning("attach to");
    return endedProcess(this.folders.logs, exit.run, withoutRun(exit));
  }

  /** Adds a process. It runs when this returns if `detach`, else when somebody attaches. */
  async exec(spec: ProcessSpec, detach: boolean): Promise<string> {
    const live = await this.#life.settled();
    if (!live || live.ended) throw this.#notRunning("run a process in");
    if (live.paused) {
      const { name } = this.record.config;
      throw this.#wrongState("run a process in", "it is paused", `use: ctr unpause ${name}`);
    }
    return await live.execs.add(spec, detach);
  }

  /** Changes which networks it is in, from its next start on. @throws {CtrError} as `reconnect()`. */
  changeNetworks(change: NetworkChange): Promise<void> {
    return changeNetworks(this.#life, this.#context, change);
  }

  /** Its VM, after a start that is under way; undefined when it does not run. */
  async runningVm(): Promise<RunningVm | undefined> {
    const live = await this.#life.settled();
    return live && !live.ended ? live.vm : undefined;
  }

  /**
   * Runs a further process to its end, within a deadline.
   *
   * @returns Its status, as a shell has it, and the first 4096 characters that it printed.
   * @throws {CtrError} `invalid-state` if it does not run.
   */
  async runOnce(process: Partial<ProcessSpec>, timeoutMs: number): Promise<ProbeResult> {
    const { vm } = this.#mustRun("run something in");
    const { config } = this.record;
    return (await runProbe(vm, config, process, timeoutMs, new AbortController().signal))!;
  }

  /** TCP ports at which somebody in it listens; none while it does not run. */
  async listeningPorts(): Promise<readonly number[]> {
    const { live } = this.#life;
    if (!live || live.ended || live.paused) return [];
    return (await live.vm.guest.containerState(this.#life.id, true)).tcpPorts;
  }

  /** Changes what holds from its next start on. */
  async reconfigure(change: (config: ContainerConfig) => ContainerConfig): Promise<void> {
    await this.#life.mutex.run(() =>
      configure(this.#life, this.#context.records, change(this.#life.config))
    );
  }

  /** Does `work` while nothing else changes its life. */
  exclusive<T>(work: (asked: Promise<void>) => Promise<T>): Promise<T> {
    return this.#life.mutex.run(work);
  }

  /** What is on its disks, whether it runs or not. */
  get files(): ContainerFiles {
    return this.#files ??= new ContainerFiles(this.#context, this);
  }

  /** True while its files are looked at through a VM that runs nothing of its own. */
  get hasHelper(): boolean {
    return this.#files?.hasHelper ?? false;
  }

  /** The run whose log is being written, for those who follow it. */
  get liveLog(): LogWriter | undefined {
    return this.#life.live?.log;
  }

  get folders(): Folders {
    return this.#life.folders;
  }

  /** What runs its guest's instructions, while it has one. */
  get accelerator(): string | undefined {
    return this.#life.live?.vm.vm.accelerator;
  }

  /** Host memory of its VM. */
  async footprintBytes(): Promise<number> {
    return await this.#life.live?.vm.vm.footprintBytes() ?? 0;
  }

  /** What its files cost. */
  sizeInBytes(): Promise<number> {
    return folderBytes(this.folders.root);
  }

  /** Sets the guest's clock. */
  async setTime(): Promise<void> {
    await this.#life.live?.vm.guest.setTime(now()).catch(() => {});
  }

  /** Finds what an earlier engine left of it. Called once, before anything else. */
  adopt(ready: Promise<void>): Promise<void> {
    return this.#adopted = this.#life.mutex.run(async () => {
      await ready;
      await this.#life.adopt();
    });
  }

  /** Lets go of it, for an engine that ends while it lives on. */
  async release(): Promise<void> {
    this.#life.release();
    await this.#files?.release();
  }

  #mustRun(verb: string): Live {
    const { live } = this.#life;
    if (!live || live.ended) throw this.#notRunning(verb);
    if (live.stopping > 0) throw this.#wrongState(verb, "it is stopping");
    return live;
  }

  #notRunning(verb: string): CtrError {
    const { name } = this.record.config;
    return this.#wrongState(verb, "it is not running", `start it with: ctr start ${name}`);
  }

  #wrongState(verb: string, fact: string, hint?: string): CtrError {
    return wrongState(this.record.config.name, verb, fact, hint);
  }
}

function withoutRun({ run: _run, ...exit }: Exit & { readonly run: number }): Exit {
  return exit;
}
