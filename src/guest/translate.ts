import { CtrError } from "../core/mod.ts";
import type {
  BootStep,
  Exit,
  OutputEvent as Event,
  ProcessState,
  StatsReply,
} from "./gen/guest_pb.ts";
import type {
  ContainerSpec,
  EmulatorSpec,
  GuestExit,
  GuestProcessState,
  GuestStats,
  GuestStep,
  LimitsSpec,
  OutputEvent,
  ProcessSpec,
} from "./types.ts";

/**
 * Everything that the guest says passes here: it is not trusted, so a number that cannot be counted
 * exactly, a text that is too long or a list without end is `bad-data`.
 */
const MAX_STEPS = 64;
const MAX_NAME = 256;
const MAX_PROCESSES = 8192;
/** An unlimited value in Linux; rlimits travel as unsigned 64-bit numbers. */
const INFINITY = 2n ** 64n - 1n;

export function bad(what: string): CtrError {
  return new CtrError("bad-data", `cannot read the guest's answer: ${what} is out of bounds`);
}

export function count(value: bigint, what: string): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw bad(what);
  return Number(value);
}

export function name(value: string, what: string): string {
  if (value.length > MAX_NAME) throw bad(what);
  return value;
}

/** Text that people may see: bounded, and without what a terminal would obey. */
export function text(value: string, limit: number, what: string): string {
  if (value.length > limit) throw bad(what);
  // deno-lint-ignore no-control-regex
  return value.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "?");
}

export function ms(ns: bigint): number {
  return Number(ns) / 1e6;
}

export function stepsOf(steps: readonly BootStep[]): GuestStep[] {
  if (steps.length > MAX_STEPS) throw bad("the number of steps");
  return steps.map((step) => ({
    name: name(step.name, "a step's name"),
    beganMs: ms(step.beganNs),
    tookMs: ms(step.tookNs),
  }));
}

export function exitOf(exit: Exit): GuestExit {
  if (exit.status < 0 || exit.status > 255) throw bad("an exit status");
  if (exit.signal < 0 || exit.signal > 64) throw bad("a signal");
  return {
    kind: "exit",
    status: exit.status,
    signal: exit.signal,
    oomKilled: exit.oomKilled,
    oomVictim: name(exit.oomVictim, "a process's name"),
    atMs: ms(exit.exitedUnixNs),
    outputEnd: count(exit.outputEndOffset, "an offset"),
    error: text(exit.error, 1024, "an error"),
  };
}

/** @param expected Offset of the next byte: a guest that goes back would double bytes. */
export function outputOf({ event }: Event, expected: number): OutputEvent | "end" {
  if (event.case === "exit") return exitOf(event.value);
  if (event.case === "end") return "end";
  if (event.case !== "data") throw bad("an output event");
  const { stream, offset, data } = event.value;
  if (stream !== 1 && stream !== 2) throw bad("a stream");
  const at = count(offset, "an offset");
  if (at < expected || data.length === 0) throw bad("an offset");
  return { kind: "data", stream, offset: at, data };
}

export function processOf(state: ProcessState): GuestProcessState {
  return {
    processId: name(state.processId, "an ID"),
    containerId: name(state.containerId, "an ID"),
    pid: state.pid,
    startedMs: ms(state.startedUnixNs),
    exit: state.exit && exitOf(state.exit),
    outputBegin: count(state.outputBeginOffset, "an offset"),
    outputEnd: count(state.outputEndOffset, "an offset"),
    inputOffset: count(state.inputOffset, "an offset"),
  };
}

export function processesOf(states: readonly ProcessState[]): GuestProcessState[] {
  if (states.length > MAX_PROCESSES) throw bad("the number of processes");
  return states.map(processOf);
}

export function statsOf(stats: StatsReply): GuestStats {
  return {
    memoryUsageBytes: count(stats.memoryUsageBytes, "memory"),
    memoryLimitBytes: count(stats.memoryLimitBytes, "memory"),
    memoryCacheBytes: count(stats.memoryCacheBytes, "memory"),
    cpuUsageUs: count(stats.cpuUsageUs, "time"),
    networkRxBytes: count(stats.networkRxBytes, "a counter"),
    networkTxBytes: count(stats.networkTxBytes, "a counter"),
    blockReadBytes: count(stats.blockReadBytes, "a counter"),
    blockWriteBytes: count(stats.blockWriteBytes, "a counter"),
    pids: count(stats.pids, "a counter"),
    memoryWorkingSetBytes: count(stats.memoryWorkingSetBytes, "memory"),
    guestMemoryTotalBytes: count(stats.guestMemoryTotalBytes, "memory"),
    guestMemoryAvailableBytes: count(stats.guestMemoryAvailableBytes, "memory"),
    guestCacheBytes: count(stats.guestCacheBytes, "memory"),
    diskUsedBytes: count(stats.diskUsedBytes, "a size"),
    diskSizeBytes: count(stats.diskSizeBytes, "a size"),
    onlineCpus: stats.onlineCpus,
    oomKills: count(stats.oomKills, "a counter"),
  };
}

/** The same process with the numbers that the wire wants. */
export function processMessage(spec: ProcessSpec) {
  const { rlimits = [], outputBufferBytes = 0, ...rest } = spec;
  return {
    ...mutable(rest),
    rlimits: rlimits.map(({ type, soft, hard }) => ({
      type,
      soft: limit(soft),
      hard: limit(hard),
    })),
    outputBufferBytes: BigInt(outputBufferBytes),
  };
}

export function containerMessage(spec: ContainerSpec) {
  const { process, limits = {}, shmBytes = 0, ...rest } = spec;
  return {
    ...mutable(rest),
    ...(process && { process: processMessage(process) }),
    limits: limitsMessage(limits),
    shmBytes: BigInt(shmBytes),
  };
}

export function emulatorMessage(spec: EmulatorSpec) {
  return mutable(spec);
}

export function limitsMessage(limits: LimitsSpec) {
  return {
    memoryBytes: BigInt(limits.memoryBytes ?? 0),
    cpuQuotaUs: BigInt(Math.round(limits.cpuQuotaUs ?? 0)),
    pids: BigInt(limits.pids ?? 0),
  };
}

/** Infinity, and -1 as users write it, mean no limit. */
function limit(value: number): bigint {
  return value < 0 || !Number.isFinite(value) ? INFINITY : BigInt(Math.floor(value));
}

type Mutable<T> = T extends Uint8Array ? Uint8Array<ArrayBuffer>
  : T extends readonly (infer E)[] ? Mutable<E>[]
  : T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> }
  : T;

/** Generated types are mutable; encoding does not change what it is given. */
function mutable<T>(value: T): Mutable<T> {
  return value as Mutable<T>;
}
