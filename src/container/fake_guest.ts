import type {
  Guest,
  GuestExit,
  GuestProcess,
  GuestProcessState,
  GuestStats,
  OutputEvent,
} from "../vm/mod.ts";

/** What a process of the fake guest can do. */
export interface FakeProcess {
  print(text: string, stream?: 1 | 2): void;
  exit(status: number, signal?: number): void;
  /** Called with input as it comes, and with undefined at its end. */
  onInput: (text: string | undefined) => void;
  /** Default: ends of any signal. */
  onSignal: (signal: number) => void;
}

/** Programs by name. What is not here cannot be started. */
export type FakePrograms = Readonly<
  Record<string, (process: FakeProcess, args: readonly string[]) => void>
>;

export const PROGRAMS: FakePrograms = {
  echo: (process, args) => {
    process.print(`${args.join(" ")}\n`);
    process.exit(0);
  },
  exit: (process, [status]) => process.exit(Number(status)),
  sleep: () => {},
  stubborn: (process) => {
    process.onSignal = (signal) => {
      if (signal === 9) process.exit(137, 9);
    };
  },
  cat: (process) => {
    process.onInput = (text) => text === undefined ? process.exit(0) : process.print(text);
  },
  /** Numbered lines, a few at a time, then the end. */
  lines: (process, [count]) => {
    let line = 0;
    const step = () => {
      for (let i = 0; i < 7 && line < Number(count); i++) process.print(`line ${line++}\n`);
      if (line < Number(count)) setTimeout(step, 1);
      else process.exit(0);
    };
    step();
  },
};

class Entry implements FakeProcess {
  readonly startedMs = Date.now();
  bytes = new Uint8Array(0);
  readonly marks: { readonly end: number; readonly stream: 1 | 2 }[] = [];
  acknowledged = 0;
  input = 0;
  ended: GuestExit | undefined;
  changed = Promise.withResolvers<void>();
  onInput: (text: string | undefined) => void = () => {};
  onSignal: (signal: number) => void = (signal) => this.exit(128 + signal, signal);

  constructor(readonly process: GuestProcess, readonly containerId: string) {}

  print(text: string, stream: 1 | 2 = 1): void {
    if (this.ended) return;
    this.bytes = new Uint8Array([...this.bytes, ...new TextEncoder().encode(text)]);
    this.marks.push({ end: this.bytes.length, stream });
    this.wake();
  }

  exit(status: number, signal = 0): void {
    this.ended ??= {
      kind: "exit",
      status,
      signal,
      oomKilled: false,
      oomVictim: "",
      error: "",
      atMs: Date.now(),
      outputEnd: this.bytes.length,
    };
    this.wake();
  }

  wake(): void {
    const { resolve } = this.changed;
    this.changed = Promise.withResolvers();
    resolve();
  }
}

const NO_STATS: GuestStats = {
  memoryUsageBytes: 0,
  memoryLimitBytes: 0,
  memoryCacheBytes: 0,
  cpuUsageUs: 0,
  networkRxBytes: 0,
  networkTxBytes: 0,
  blockReadBytes: 0,
  blockWriteBytes: 0,
  pids: 1,
  memoryWorkingSetBytes: 0,
  guestMemoryTotalBytes: 0,
  guestMemoryAvailableBytes: 0,
  guestCacheBytes: 0,
  diskUsedBytes: 0,
  diskSizeBytes: 0,
  onlineCpus: 1,
  oomKills: 0,
};

/** The inside of one VM. It outlives the connections to it. */
export class FakeGuestVm {
  readonly #programs: FakePrograms;
  readonly entries = new Map<string, Entry>();
  shutDown = false;
  frozen = false;
  /** Of every process together, as its statistics tell. */
  workingSetBytes = 0;
  /** Signals that wait for the thaw. */
  #held: (() => void)[] = [];
  /** As updated. */
  readonly limits: { memoryBytes?: number; cpuQuotaUs?: number; pids?: number } = {};

  constructor(programs: FakePrograms = PROGRAMS) {
    this.#programs = programs;
  }

  /** A frozen process takes nothing but SIGKILL. */
  #signal(entry: Entry, signal: number): void {
    if (this.frozen && signal !== 9) this.#held.push(() => entry.onSignal(signal));
    else entry.onSignal(signal);
  }

  #thaw(): void {
    this.frozen = false;
    for (const deliver of this.#held.splice(0)) deliver();
  }

  /** A new connection. */
  connect(): Guest {
    const closed = Promise.withResolvers<void>();
    let open = true;
    closed.promise.then(() => open = false);
    const entry = (id: string) => {
      const found = this.entries.get(id);
      if (!open || !found) throw new Error("no such process, or the connection is closed");
      return found;
    };
    const start = (process: GuestProcess, containerId: string) => {
      const [name = "", ...args] = process.args;
      const program = this.#programs[name];
      if (!program) throw new Error(`no such program: ${name}`);
      const made = new Entry(process, containerId);
      this.entries.set(process.id, made);
      program(made, args);
      return { atMs: made.startedMs, steps: [] };
    };
    return {
      bootSteps: [],
      closed: closed.promise,
      close: () => closed.resolve(),
      startContainer: ({ process, containerId }) =>
        attempt(() => process ? start(process, containerId) : { atMs: Date.now(), steps: [] }),
      startProcess: (containerId, process) => attempt(() => start(process, containerId)),
      output: (id, from, signal) => output(entry(id), from, signal, closed.promise),
      acknowledge: (id, offset) => attempt(() => void (entry(id).acknowledged = offset)),
      writeInput: (id, { offset, data, close }) =>
        attempt(() => {
          const to = entry(id);
          const fresh = data.subarray(to.input - offset);
          to.input += fresh.length;
          if (fresh.length > 0) to.onInput(new TextDecoder().decode(fresh));
          if (close) to.onInput(undefined);
          return to.input;
        }),
      resize: () => Promise.resolve(),
      signal: (id, signal) => attempt(() => this.#signal(entry(id), signal)),
      processes: () => attempt(() => [...this.entries].map(([id, each]) => state(id, each))),
      forget: (id) => attempt(() => void this.entries.delete(id)),
      setTime: () => Promise.resolve(),
      openStream: () => Promise.reject(new Error("the fake guest has no files")),
      listen: () => Promise.resolve(),
      closeListener: () => Promise.resolve(),
      // deno-lint-ignore require-yield
      accepted: async function* () {
        await closed.promise;
      },
      statPath: () => Promise.reject(new Error("the fake guest has no files")),
      freeze: (_, { processes }) => attempt(() => void (processes && (this.frozen = true))),
      thaw: (_, { processes }) => attempt(() => void (processes && this.#thaw())),
      update: (_, limits) => attempt(() => void Object.assign(this.limits, limits)),
      containerState: () =>
        attempt(() => ({ exists: true, frozen: this.frozen, listeners: [], tcpPorts: [] })),
      top: () => Promise.resolve([]),
      fileEvents: () => Promise.resolve(),
      stats: () => attempt(() => ({ ...NO_STATS, memoryWorkingSetBytes: this.workingSetBytes })),
      removeContainer: () => Promise.resolve(),
      removeFolders: () => Promise.resolve(),
      addEmulator: () => Promise.resolve(),
      shutdown: () => attempt(() => void (this.shutDown = true)),
    };
  }
}

async function* output(
  entry: Entry,
  from: number,
  signal: AbortSignal | undefined,
  closed: Promise<void>,
): AsyncGenerator<OutputEvent> {
  const stopped = new Promise<never>((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    closed.then(() => reject(new Error("the connection is closed")));
  });
  stopped.catch(() => {});
  for (let at = from;;) {
    signal?.throwIfAborted();
    const mark = entry.marks.find(({ end }) => end > at);
    if (mark) {
      yield {
        kind: "data",
        stream: mark.stream,
        offset: at,
        data: entry.bytes.slice(at, mark.end),
      };
      at = mark.end;
    } else if (entry.ended) {
      yield entry.ended;
      return;
    } else {
      await Promise.race([entry.changed.promise, stopped]);
    }
  }
}

function state(processId: string, entry: Entry): GuestProcessState {
  return {
    processId,
    containerId: entry.containerId,
    startedMs: entry.startedMs,
    exit: entry.ended,
    outputBegin: entry.acknowledged,
    inputOffset: entry.input,
  };
}

function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
