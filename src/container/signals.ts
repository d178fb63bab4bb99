import { CtrError } from "../core/mod.ts";

/** Linux's numbers, on every host: the signal is sent in the guest. */
// deno-fmt-ignore
const NAMES = [
  "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
  "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
  "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
] as const;

const ALIASES: Readonly<Record<string, number>> = { IOT: 6, CLD: 17, POLL: 29 };
const FIRST_REALTIME = 34;
const LAST_REALTIME = 64;

/**
 * Reads `TERM`, `sigterm`, `SIGRTMIN+3` or a number.
 *
 * @throws {CtrError} `usage` if there is no such signal.
 */
export function signalNumber(text: string): number {
  const name = text.trim().toUpperCase().replace(/^SIG/, "");
  const found = /^\d+$/.test(name) ? Number(name) : byName(name);
  if (found === undefined || found < 1 || found > LAST_REALTIME) {
    throw new CtrError("usage", `cannot use the signal "${text}": Linux has none of that name`);
  }
  return found;
}

function byName(name: string): number | undefined {
  const index = (NAMES as readonly string[]).indexOf(name);
  if (index >= 0) return index + 1;
  const realtime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (!realtime) return ALIASES[name];
  const base = realtime[1] === "MIN" ? FIRST_REALTIME : LAST_REALTIME;
  const number = base + Number(realtime[3] ?? 0) * (realtime[2] === "-" ? -1 : 1);
  return number >= FIRST_REALTIME ? number : undefined;
}

/** `SIGTERM`; a realtime signal as `SIGRTMIN+3`. */
export function signalName(number: number): string {
  const name = NAMES[number - 1];
  return name ? `SIG${name}` : `SIGRTMIN+${number - FIRST_REALTIME}`;
}

export const SIGKILL = 9;
