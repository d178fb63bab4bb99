import type { Exit } from "../api/mod.ts";
import { isDiskFull, withDeadline } from "../core/mod.ts";
import { type Guest, ProcessInput, type RunningVm } from "../vm/mod.ts";
import { exitOf } from "./exit.ts";
import { type OutputSink, type OutputStore, ProcessOutput } from "./process_output.ts";
import { signalNumber } from "./signals.ts";

/** Of a monitor: a driver looks for the cause of an end about a fifth of a second. */
const ENDING_MS = 1000;

/** What a client may do with a process that it has attached to. */
export interface AttachedProcess {
  /**
   * Delivers output from `from` on (default: from now on) until the process has ended.
   *
   * @returns How it ended; undefined if the sink closed before.
   */
  follow(sink: OutputSink, from?: number): Promise<Exit | undefined>;
  /** Lets its output go to the log although nobody follows. */
  begin(): void;
  /** Undefined once it has ended. */
  readonly input: ProcessInput | undefined;
  resize(rows: number, columns: number): Promise<void>;
  signal(name: string): Promise<void>;
}

export interface ProcessOptions {
  /** As it is limited now. */
  readonly memoryBytes: () => number;
  /** What is told when the VM ends without a word. */
  readonly lost: (why: string) => Exit;
}

/** A process that runs in a VM that we are connected to. */
export class LiveProcess implements AttachedProcess {
  readonly id: string;
  readonly input: ProcessInput;
  readonly output: ProcessOutput;
  /** Resolves behind the last byte of output, or when the VM is gone. Never rejects. */
  readonly exit: Promise<Exit>;
  readonly #vm: RunningVm;
  #released = false;

  constructor(
    vm: RunningVm,
    id: string,
    options: ProcessOptions,
    at: { store?: OutputStore; outputBegin?: number; inputTaken?: number } = {},
  ) {
    this.id = id;
    this.#vm = vm;
    this.input = new ProcessInput(vm, id, at.inputTaken);
    this.output = new ProcessOutput(vm, id, at.store, at.outputBegin);
    this.exit = this.output.exit.then(
      (exit) => exitOf(exit, options.memoryBytes()),
      (error) => this.#exitWithoutWord(options, error),
    );
    vm.ended.then(() => this.output.release());
  }

  /** Takes no more output, for an engine that ends while the process lives on. */
  release(): void {
    this.#released = true;
    this.output.release();
  }

  /** A guest that cannot be followed any more is of no use to anybody. */
  async #exitWithoutWord({ lost }: ProcessOptions, error: unknown): Promise<Exit> {
    if (this.#released) return await new Promise<never>(() => {});
    // A VM that is ending by itself, or for the want of a share, is about to say why.
    const ended = () => this.#vm.ended.then(() => {});
    await withDeadline("waiting for the end of a VM", ENDING_MS, ended).catch(() => {});
    if (!this.#vm.gone) await this.#vm.kill();
    const end = await this.#vm.ended;
    if (end.how === "failed") return lost(end.reason);
    return lost(
      isDiskFull(error)
        ? "its output could not be kept, because no space is left on the disk of the host"
        : "it could not be followed any more",
    );
  }

  begin(): void {
    this.output.start();
  }

  async follow(sink: OutputSink, from?: number): Promise<Exit | undefined> {
    const leave = await this.output.follow(sink, from);
    try {
      return await Promise.race([this.exit, sink.closed.then(() => undefined)]);
    } finally {
      leave();
    }
  }

  async resize(rows: number, columns: number): Promise<void> {
    await this.#guest.resize(this.id, rows, columns);
  }

  async signal(name: string, options: { readonly all: boolean } = { all: false }): Promise<void> {
    await this.#guest.signal(this.id, signalNumber(name), options);
  }

  get #guest(): Guest {
    return this.#vm.guest;
  }
}
