import { isAbsolute } from "node:path";
import { processStart } from "./process_facts.ts";

/** A process whose working folder lies somewhere below a folder. */
export interface ProcessBelow {
  readonly pid: number;
  /** See `processStart()`. */
  readonly start: string;
  /** As the host's kernel names it: at most 15 characters. */
  readonly name: string;
  /** The working folder; it may have been removed. */
  readonly folder: string;
}

/**
 * Finds the processes that run somewhere below `folder`, as daemons do whose record is there. Empty where
 * the host does not tell (macOS shows it of no process without asking the user).
 */
export async function processesBelow(folder: string): Promise<ProcessBelow[]> {
  if (Deno.build.os !== "linux" || !isAbsolute(folder)) return [];
  const real = await Deno.realPath(folder).catch(() => folder);
  const found: ProcessBelow[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    try {
      const cwd = await Deno.readLink(`/proc/${pid}/cwd`);
      if (!cwd.startsWith(`${real}/`)) continue;
      const comm = (await Deno.readTextFile(`/proc/${pid}/comm`)).trim();
      const start = await processStart(pid);
      if (start === undefined) continue;
      found.push({ pid, start, name: comm, folder: cwd.replace(/ \(deleted\)$/, "") });
    } catch {
      // ended meanwhile, or another user's
    }
  }
  return found;
}
