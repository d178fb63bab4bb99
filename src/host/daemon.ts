import { isAbsolute, join } from "node:path";
import { CtrError } from "../core/mod.ts";
import { bootId, isAlive, parseStat, processStart } from "./process_facts.ts";

/** A process in a session of its own, which outlives ours, and the folder by which it is found. */
export interface Daemon {
  readonly pid: number;
  /** See `processStart()`. */
  readonly start: string;
  /** How it ended; only for the process that started it. */
  readonly status?: Promise<{ readonly code: number; readonly signal: string | null }>;
  /** Lets our process end before the daemon; until then the daemon keeps it alive. */
  readonly unref?: () => void;
}

export interface DaemonOptions {
  /** Where it runs and where its record is. Relative paths in `args` are read from here. */
  readonly folder: string;
  /** Names the record: `<name>.pid`, `<name>.claim`, `<name>.log` (standard output and error). */
  readonly name: string;
  /** Looked up in `PATH` unless it has a slash. */
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs in a shell that becomes the daemon, so its PID and start time are known to the folder before
 * the daemon's first instruction, even if we are killed the moment after the fork:
 *
 *  1. the shell writes its own `/proc/PID/stat`;
 *  2. it creates the claim (`set -C`: O_EXCL) and gives up if that exists;
 *  3. it becomes the daemon.
 *
 * Whoever looks for the daemon creates the claim too. If that succeeds the daemon can never start;
 * if not, either it was claimed before (so the record is complete), or nothing was ever started.
 * Only builtins: it costs one `exec`. The log is opened for appending, so it may be truncated.
 */
const LAUNCH = `
name=$1; shift
cd "$1" || exit 71; shift
ulimit -c 0
if [ -r /proc/$$/stat ]; then IFS= read -r stat < /proc/$$/stat; else stat="$$ (sh)"; fi
printf '%s\\n' "$stat" > "$name.pid" || exit 71
set -C
{ : > "$name.claim"; } 2>/dev/null || exit 75
exec "$@" >> "$name.log" 2>&1
`;

/**
 * Starts a daemon. Its folder must not hold a record of that name.
 *
 * @throws {CtrError} `exists` if a record is there.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { folder, name, command, args } = options;
  if (!isAbsolute(folder)) throw new TypeError(`daemon folder is relative: ${folder}`);
  if (await exists(join(folder, `${name}.claim`))) {
    throw new CtrError("exists", `cannot start "${name}": "${folder}" holds the record of another`);
  }
  await bootId(); // so that nothing is awaited between the fork and the promise of its status
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", LAUNCH, "sh", name, folder, command, ...args],
    ...(options.env && { env: { ...options.env } }),
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  const start = await processStart(child.pid) ?? "";
  const status = child.status.then(({ code, signal }) => ({ code, signal }));
  return { pid: child.pid, start, status, unref: () => child.unref() };
}

/**
 * Finds the daemon of an earlier process, and makes sure that a half started one does not start.
 *
 * @returns `undefined` if it does not live.
 */
export async function findDaemon(folder: string, name: string): Promise<Daemon | undefined> {
  try {
    (await Deno.open(join(folder, `${name}.claim`), { write: true, createNew: true })).close();
    return undefined; // it had not started, and from now on it cannot
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined; // no folder
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  let record: string;
  try {
    record = await Deno.readTextFile(join(folder, `${name}.pid`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const { pid, ticks } = parseStat(record);
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const start = ticks === "" ? await processStart(pid) : `${await bootId()}/${ticks}`;
  return start !== undefined && await isAlive(pid, start) ? { pid, start } : undefined;
}

/**
 * Sends SIGKILL and resolves once the process is gone. A process that is gone already is fine.
 *
 * @throws {CtrError} `timeout` if the host's kernel does not let go of it within `deadlineMs`.
 */
export async function killDaemon(daemon: Daemon, deadlineMs: number): Promise<void> {
  if (!await isAlive(daemon.pid, daemon.start)) return;
  try {
    Deno.kill(daemon.pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  await daemonGone(daemon, deadlineMs);
}

/**
 * Resolves once the process is gone. For the short time between a sign of its end (a closed socket)
 * and the end itself: it looks every few milliseconds.
 *
 * @throws {CtrError} `timeout`.
 */
export async function daemonGone(daemon: Daemon, deadlineMs: number): Promise<void> {
  const until = performance.now() + deadlineMs;
  for (
    let pauseMs = 1;
    await isAlive(daemon.pid, daemon.start);
    pauseMs = Math.min(20, pauseMs * 2)
  ) {
    if (performance.now() > until) {
      throw new CtrError(
        "timeout",
        `timed out after ${deadlineMs / 1000}s: process ${daemon.pid} has not ended`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}
