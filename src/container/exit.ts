import type { Exit } from "../api/mod.ts";
import { formatSize } from "../core/mod.ts";
import type { GuestExit } from "../vm/mod.ts";
import { signalName } from "./signals.ts";

/** The status of a container whose VM ended without a word. */
const LOST_STATUS = 255;

/** What the guest says, made safe: it is not trusted. */
export function exitOf(guest: GuestExit, memoryBytes: number): Exit {
  const signal = guest.signal > 0 && guest.signal <= 64 ? guest.signal : 0;
  const now = Date.now();
  const sane = guest.atMs > 0 && guest.atMs <= now + 60_000;
  const base = {
    status: guest.status & 0xff,
    finishedAt: new Date(sane ? guest.atMs : now).toISOString(),
    ...(signal > 0 && { signal: signalName(signal) }),
  };
  if (guest.oomKilled) {
    const victim = guest.oomVictim.replace(/[^\x20-\x7e]/g, "?").slice(0, 32) || "a process";
    const detail =
      `the guest's kernel killed ${victim}: all ${formatSize(memoryBytes)} of memory ` +
      "were in use; give it more with --memory";
    return { ...base, reason: "oom", detail };
  }
  return { ...base, reason: signal > 0 ? "signal" : "exited" };
}

/** @param why A clause for the user. */
export function lostExit(why: string): Exit {
  return {
    status: LOST_STATUS,
    reason: "lost",
    detail: `its VM ended without a word: ${why}`,
    finishedAt: new Date().toISOString(),
  };
}

/** The end of a container whose VM we ended because it was told to go. */
export function killedExit(): Exit {
  const finishedAt = new Date().toISOString();
  return { status: 137, signal: "SIGKILL", reason: "signal", finishedAt };
}
