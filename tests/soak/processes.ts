/** What runs for a ctr home, found in `/proc` as a stranger would. */
export type Role = "cli" | "engine" | "qemu" | "virtiofsd" | "netd";

export interface HomeProcess {
  readonly pid: number;
  readonly role: Role;
  readonly command: string;
}

/** The processes of the home, zombies left out. */
export async function homeProcesses(home: string): Promise<HomeProcess[]> {
  const found: HomeProcess[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    const process = await read(pid, home);
    if (process) found.push(process);
  }
  return found;
}

async function read(pid: number, home: string): Promise<HomeProcess | undefined> {
  try {
    const command = (await Deno.readTextFile(`/proc/${pid}/cmdline`)).replaceAll("\0", " ").trim();
    if (command === "") return undefined; // a zombie, or the kernel's own
    const folder = await Deno.readLink(`/proc/${pid}/cwd`).catch(() => "");
    const environment = await Deno.readTextFile(`/proc/${pid}/environ`).catch(() => "");
    const ours = command.includes(home) || folder.startsWith(home) ||
      environment.split("\0").includes(`CTR_HOME=${home}`);
    return ours ? { pid, role: roleOf(command), command } : undefined;
  } catch {
    return undefined; // it has ended meanwhile
  }
}

function roleOf(command: string): Role {
  if (/^\S*qemu-system/.test(command)) return "qemu";
  if (command.includes("virtiofsd")) return "virtiofsd";
  if (/netd netd\.json/.test(command)) return "netd";
  return / engine( |$)/.test(command) ? "engine" : "cli";
}

/** @returns Whether it was there to be killed. */
export function killHard(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}
