import { CtrError } from "../core/mod.ts";
import type { GuestExit, OutputPiece, RunningVm } from "../vm/mod.ts";
import { readLog } from "./log_reader.ts";
import type { LogWriter } from "./log_writer.ts";

/** Somebody who follows a process's output. */
export interface OutputSink {
  /** @returns What to wait for before more may come; undefined if there is room. Never rejects. */
  write(piece: Omit<OutputPiece, "kind">): Promise<void> | undefined;
  /** Everything before this offset has left this process, so it survives our end. */
  flushed(): number;
  /** Resolves when all that was written has left this process, or nobody takes it any more. */
  drained(): Promise<void>;
  /** Resolves when nobody takes it any more. */
  readonly closed: Promise<void>;
}

/** Where a main process's output is kept. An added process's stays in the guest until taken. */
export interface OutputStore {
  readonly writer: LogWriter;
  readonly folder: string;
}

/** A guest that ends its answer again and again without a byte is not waited for. */
const FRUITLESS_ROUNDS = 20;

/**
 * Carries one process's output from the guest to its log and to all who follow.
 *
 * The slowest follower sets the pace: what it does not take stays in the guest, whose buffer is
 * bounded, and the process waits. A follower that comes late first gets what is in the log, and
 * meanwhile nothing is added to it.
 */
export class ProcessOutput {
  readonly #vm: RunningVm;
  readonly #id: string;
  readonly #store: OutputStore | undefined;
  readonly #sinks = new Set<OutputSink>();
  readonly #holds = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #exit = Promise.withResolvers<GuestExit>();
  #end: number;
  #pumping = false;
  #acknowledged = 0;
  #acknowledging = false;

  /** @param begin Where an output without a store begins. */
  constructor(vm: RunningVm, processId: string, store: OutputStore | undefined, begin = 0) {
    this.#vm = vm;
    this.#id = processId;
    this.#store = store;
    this.#end = store ? store.writer.end : begin;
    this.#exit.promise.catch(() => {});
  }

  /** The offset of the next byte. */
  get end(): number {
    return this.#end;
  }

  /** Resolves behind the last byte. Rejects if the VM ends before. */
  get exit(): Promise<GuestExit> {
    return this.#exit.promise;
  }

  /** Begins to take the output; later calls do nothing. */
  start(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#pump().then(this.#exit.resolve, this.#exit.reject);
  }

  /** Takes no more, for an engine that ends while the process lives on. */
  release(): void {
    this.#stop.abort();
    if (!this.#pumping) this.#exit.reject(this.#stop.signal.reason);
    this.#pumping = true;
  }

  /**
   * Adds a follower.
   *
   * @param from Offset of the first byte that it wants; default: what comes from now on.
   * @returns Removes it.
   */
  async follow(sink: OutputSink, from = this.#end): Promise<() => void> {
    if (this.#store) {
      const hold = this.#catchUp(sink, from, this.#store);
      this.#holds.add(hold);
      await hold.finally(() => this.#holds.delete(hold));
    } else {
      if (!this.#pumping) this.#end = Math.max(this.#end, from);
      this.#sinks.add(sink);
    }
    this.start();
    sink.closed.then(() => this.#sinks.delete(sink));
    return () => this.#sinks.delete(sink);
  }

  async #catchUp(sink: OutputSink, from: number, { writer, folder }: OutputStore): Promise<void> {
    let gone = false;
    sink.closed.then(() => gone = true);
    for (let at = from; at < writer.end && !gone;) {
      const before = at;
      for (const record of readLog(folder, { run: writer.run, offset: at })) {
        if (record.run !== writer.run) break;
        await sink.write(record);
        at = record.offset + record.data.length;
        if (gone) return;
      }
      if (at === before) break; // rotated away under us
    }
    if (!gone) this.#sinks.add(sink); // in the same turn as the comparison, so nothing is missed
  }

  async #pump(): Promise<GuestExit> {
    for (let fruitless = 0; fruitless < FRUITLESS_ROUNDS;) {
      const before = this.#end;
      try {
        const output = this.#vm.guest.output(this.#id, this.#end, this.#stop.signal);
        for await (const event of output) {
          if (event.kind === "exit") return event;
          const wait = this.#take(event);
          if (wait) await wait;
        }
      } catch (error) {
        if (this.#vm.gone || this.#stop.signal.aborted) throw error;
      }
      if (this.#vm.gone) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
      await this.#vm.reconnect();
      fruitless = this.#end > before ? 0 : fruitless + 1;
    }
    throw new CtrError("unavailable", `cannot follow process ${this.#id}: its guest tells nothing`);
  }

  /** @returns What to wait for before the next piece is asked for. */
  #take(piece: OutputPiece): Promise<unknown> | undefined {
    if (this.#holds.size > 0) {
      return Promise.all(this.#holds).then(() => this.#take(piece));
    }
    const data = this.#keep(piece);
    if (!data) return undefined;
    const fresh = { stream: piece.stream, offset: this.#end, data };
    this.#end += data.length;
    let waits: Promise<void>[] | undefined;
    for (const sink of this.#sinks) {
      const wait = sink.write(fresh);
      if (wait) (waits ??= []).push(wait);
    }
    this.#acknowledge();
    if (!this.#store) this.#acknowledgeLater();
    return waits && Promise.all(waits);
  }

  #keep({ stream, offset, data }: OutputPiece): Uint8Array | undefined {
    if (this.#store) return this.#store.writer.append(stream, offset, data);
    // Without a log, what the guest has dropped is lost: go on where it goes on.
    if (offset > this.#end) this.#end = offset;
    const fresh = data.subarray(this.#end - offset);
    return fresh.length > 0 ? fresh : undefined;
  }

  /** What is still in this process is safe a moment later, and the guest must hear of it then. */
  async #acknowledgeLater(): Promise<void> {
    if (this.#safe() === this.#end) return;
    await Promise.all([...this.#sinks].map((sink) => sink.drained()));
    this.#acknowledge();
  }

  /** Everything that is safe: in the log, or on its way to those who follow. */
  #safe(): number {
    if (this.#store) return this.#end;
    return Math.min(this.#end, ...[...this.#sinks].map((sink) => sink.flushed()));
  }

  /** One call at a time; what comes meanwhile is told by the next. */
  async #acknowledge(): Promise<void> {
    if (this.#acknowledging) return;
    this.#acknowledging = true;
    try {
      for (let safe; (safe = this.#safe()) > this.#acknowledged;) {
        await this.#vm.guest.acknowledge(this.#id, safe);
        this.#acknowledged = safe;
      }
    } catch {
      // the connection broke: the next one begins at what is safe
    } finally {
      this.#acknowledging = false;
    }
  }
}
