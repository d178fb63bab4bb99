import { libSystem } from "./libc.ts";
import { sysctlText } from "./sysctl.ts";

/**
 * When a process began, as text that is compared and never read: a PID is given to another process
 * one day, a PID with its beginning is not.
 *
 * Linux: boot ID and field 22 of `/proc/PID/stat` (clock ticks since boot). macOS: `ps -o lstart`.
 *
 * @returns `undefined` if there is no such process, or only its zombie.
 */
export async function processStart(pid: number): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return await startByPs(pid);
  let stat: string;
  try {
    stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  } catch {
    return undefined; // ENOENT, or ESRCH while it is read
  }
  const { state, ticks } = parseStat(stat);
  return state === "Z" || state === "X" ? undefined : `${await bootId()}/${ticks}`;
}

/** Whether the process that had `pid` when it began at `start` still lives. */
export async function isAlive(pid: number, start: string): Promise<boolean> {
  return await processStart(pid) === start;
}

/**
 * Reads the fields of `/proc/PID/stat`. The second is the program's name in parentheses and may hold
 * spaces and parentheses itself, so fields are counted from the last `)`.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
export function parseStat(stat: string): { pid: number; state: string; ticks: string } {
  const rest = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { pid: Number.parseInt(stat, 10), state: rest[0] ?? "", ticks: rest[19] ?? "" };
}

let knownBootId: string | undefined;

/** Changes with every boot of the host. */
export async function bootId(): Promise<string> {
  if (knownBootId === undefined) {
    knownBootId = Deno.build.os === "linux"
      ? (await Deno.readTextFile("/proc/sys/kernel/random/boot_id")).trim()
      : sysctlText("kern.bootsessionuuid", libSystem()) ?? "";
  }
  return knownBootId;
}

/**
 * Memory that would come back if the process ended, bytes: its pages, shared ones by their share.
 *
 * @returns `undefined` if the process has ended.
 */
export async function footprintBytes(pid: number): Promise<number | undefined> {
  try {
    if (Deno.build.os !== "linux") {
      const kilobytes = Number(await output("ps", ["-o", "rss=", "-p", String(pid)]));
      return kilobytes > 0 ? kilobytes * 1024 : undefined;
    }
    const rollup = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
    const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

async function startByPs(pid: number): Promise<string | undefined> {
  const text = await output("ps", ["-o", "lstart=,state=", "-p", String(pid)]);
  if (text === "" || /Z\S*$/.test(text)) return undefined;
  return text.replace(/\s+\S+$/, "");
}

async function output(command: string, args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args, env: { LC_ALL: "C" }, stderr: "null" })
    .output();
  return new TextDecoder().decode(stdout).trim();
}
