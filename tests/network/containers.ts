import { assertEquals } from "../cli/assert.ts";
import { BUSYBOX, type CtrHome } from "../run/ctr_home.ts";

export const QUIET = ["--progress", "none"];

/** What a command prints that must go well, and say nothing else. */
export async function out(home: CtrHome, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await home.ctr(args);
  assertEquals([status, stderr], [0, ""], args.join(" "));
  return stdout.trim();
}

/** Starts a container. @returns Its ID. */
export async function runs(home: CtrHome, name: string, flags: string[], ...command: string[]) {
  return await out(home, "run", "-d", "--name", name, ...QUIET, ...flags, BUSYBOX, ...command);
}

/** Of a shell line in a container that runs, both streams in one. */
export async function inside(home: CtrHome, name: string, line: string): Promise<string> {
  return (await home.ctr(["exec", "--privileged", name, "sh", "-c", `(${line}) 2>&1`])).stdout;
}
