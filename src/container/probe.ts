import { ProcessSpec } from "../api/mod.ts";
import { isCtrError, withDeadline } from "../core/mod.ts";
import type { Guest, RunningVm } from "../vm/mod.ts";
import { guestProcess } from "./guest_request.ts";
import { mergeExec } from "./merge.ts";
import { SIGKILL } from "./signals.ts";
import type { ContainerConfig } from "./types.ts";

/** By which a later engine tells a probe from a process that somebody has added. */
const PREFIX = "probe-";
const MOST_CHARACTERS = 4096;
/** `timeout(1)`'s status for a command that took too long. */
const TOO_LONG = 124;
/** ctr's own for what it could not do. */
const FAILED = 125;
/** What a killed probe gets to end. */
const END_MS = 2000;

export interface ProbeResult {
  readonly exitStatus: number;
  /** Both streams, at most 4096 characters. */
  readonly output: string;
}

export function isProbe(processId: string): boolean {
  return processId.startsWith(PREFIX);
}

/**
 * Runs one probe in a container's guest, as its first process's user. Never rejects.
 *
 * @returns Undefined if `signal` aborted it: then it says nothing about the container.
 */
export async function runProbe(
  vm: RunningVm,
  config: ContainerConfig,
  what: Partial<ProcessSpec>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ProbeResult | undefined> {
  const id = `${PREFIX}${crypto.getRandomValues(new Uint8Array(8)).toHex()}`;
  const text = new BoundedText();
  const { guest } = vm;
  let result: ProbeResult;
  try {
    const process = mergeExec(ProcessSpec.parse(what), config);
    await guest.startProcess(config.id, guestProcess(id, process, config));
    const exitStatus = await withDeadline(
      "waiting for the probe",
      timeoutMs,
      (stop) => follow(guest, id, text, stop),
      signal,
    );
    result = { exitStatus, output: text.value };
  } catch (error) {
    result = failure(error, text.value, timeoutMs);
    await endProbe(guest, id);
  }
  await guest.forget(id).catch(() => {});
  return signal.aborted ? undefined : result;
}

/** Ends a probe, of an earlier engine for one, whatever it does. */
export async function endProbe(guest: Guest, id: string): Promise<void> {
  await guest.signal(id, SIGKILL).catch(() => {});
  await withDeadline(
    "waiting for a probe to end",
    END_MS,
    (stop) => follow(guest, id, new BoundedText(), stop),
  ).catch(() => {});
  await guest.forget(id).catch(() => {});
}

/** Takes all it prints, so that it is never held up, and keeps the beginning. */
async function follow(
  guest: Guest,
  id: string,
  text: BoundedText,
  signal: AbortSignal,
): Promise<number> {
  for await (const event of guest.output(id, 0, signal)) {
    if (event.kind === "exit") return event.status & 0xff;
    text.add(event.data);
    await guest.acknowledge(id, event.offset + event.data.length);
  }
  return FAILED;
}

function failure(error: unknown, output: string, timeoutMs: number): ProbeResult {
  const told = (fact: string) => `${output}${output && "\n"}${fact}`.slice(-MOST_CHARACTERS);
  if (isCtrError(error, "timeout")) {
    return {
      exitStatus: TOO_LONG,
      output: told(`the probe was killed: it took longer than ${timeoutMs / 1000}s`),
    };
  }
  const status = isCtrError(error, "command-not-found")
    ? 127
    : isCtrError(error, "not-executable")
    ? 126
    : FAILED;
  return { exitStatus: status, output: told(error instanceof Error ? error.message : "") };
}

class BoundedText {
  readonly #decoder = new TextDecoder();
  value = "";

  add(data: Uint8Array): void {
    if (this.value.length >= MOST_CHARACTERS) return;
    const more = this.#decoder.decode(data.subarray(0, 4 * MOST_CHARACTERS), { stream: true });
    this.value = (this.value + more).slice(0, MOST_CHARACTERS);
  }
}
