import { formatSize } from "../core/mod.ts";
import { ctrHome } from "../host/mod.ts";
import { chooseHypervisor, type Finding } from "../hypervisor/mod.ts";
import type { App } from "./app.ts";

export interface Check {
  readonly name: string;
  readonly result: "ok" | "warning" | "failed";
  readonly fact: string;
  readonly hint?: string;
}

/** Room for one small image and the disk of its container. */
const LEAST_ROOM = 1024 ** 3;

/** What a container cannot do without, by the beginning of the finding's name. */
const NECESSARY = /^QEMU for |^Virtualization/;

/** Every check, in the order in which one would mend things. Never waits for the engine. */
export async function hostChecks(app: App): Promise<Check[]> {
  let home: string;
  try {
    home = ctrHome();
  } catch (error) {
    return [{ name: "home", result: "failed", fact: message(error) }];
  }
  const [folder, room, driver, engine] = await Promise.all([
    homeCheck(home),
    roomCheck(home),
    driverChecks(home),
    engineCheck(app),
  ]);
  return [folder, room, ...driver, engine];
}

async function homeCheck(home: string): Promise<Check> {
  const name = "home";
  try {
    const { isDirectory, mode, uid } = await Deno.stat(home);
    if (!isDirectory) return { name, result: "failed", fact: `${home} is not a folder` };
    if (uid !== null && uid !== Deno.uid()) {
      const hint = "set CTR_HOME to a folder of your own";
      return { name, result: "failed", fact: `${home} belongs to user ${uid}`, hint };
    }
    if (mode !== null && (mode & 0o077) !== 0) {
      const fact = `${home} has mode ${(mode & 0o777).toString(8)}: others may read it`;
      return { name, result: "warning", fact, hint: `chmod 700 ${home}` };
    }
    return { name, result: "ok", fact: home };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { name, result: "ok", fact: `${home}, made at the first use` };
    }
    return { name, result: "failed", fact: message(error) };
  }
}

async function roomCheck(home: string): Promise<Check> {
  const name = "disk space";
  const { statfs } = await import("node:fs/promises");
  for (let folder = home; folder !== ""; folder = folder.slice(0, folder.lastIndexOf("/"))) {
    try {
      const { bavail, bsize } = await statfs(folder);
      const free = Number(bavail) * Number(bsize);
      const fact = `${formatSize(free)} free for ${home}`;
      if (free >= LEAST_ROOM) return { name, result: "ok", fact };
      return { name, result: "warning", fact, hint: "free some, or set CTR_HOME to another disk" };
    } catch { /* not made yet: its parent's disk is the one */ }
  }
  return { name, result: "warning", fact: `it cannot be told for ${home}` };
}

async function driverChecks(home: string): Promise<Check[]> {
  let findings: readonly Finding[];
  try {
    findings = await chooseHypervisor({ stateFolder: `${home}/run` }).doctor();
  } catch (error) {
    return [{ name: "hypervisor", result: "failed", fact: message(error) }];
  }
  return findings.map(({ name, ok, detail, hint }, index) => ({
    name,
    // The first QEMU is the one for the host's own architecture; the other is a convenience.
    result: ok ? "ok" : index === 0 && NECESSARY.test(name) ? "failed" : "warning",
    fact: detail,
    ...(hint !== undefined && { hint }),
  }));
}

async function engineCheck(app: App): Promise<Check> {
  const name = "engine";
  try {
    const engine = await app.runningEngine();
    if (!engine) return { name, result: "ok", fact: "does not run; it is started on demand" };
    const { version, pid } = await engine.get("/version") as { version: string; pid: number };
    return { name, result: "ok", fact: `version ${version}, process ${pid}` };
  } catch (error) {
    return { name, result: "warning", fact: message(error), hint: 'see "ctr system logs"' };
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
