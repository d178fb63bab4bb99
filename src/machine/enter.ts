import type { EnterMachineReply, EnterMachineRequest } from "../api/mod.ts";
import type { MachineContainer, MachineRecord } from "./types.ts";

/** Where a container's processes find the forwarded agent. */
const AGENT = "/run/host-services/ssh-auth.sock";

/** What a process of a machine's user begins with. */
export async function enter(
  { name, containerId, config }: MachineRecord,
  container: MachineContainer,
  { cwd, root, sshAgent }: EnterMachineRequest,
): Promise<EnterMachineReply> {
  const { user, found } = config;
  if (sshAgent) await container.handAgent(sshAgent.socket);
  const home = root ? "/root" : user.home;
  const shell = found?.shell ?? "/bin/sh";
  const account = root ? "root" : user.name;
  return {
    name,
    containerId,
    user: root ? "0:0" : `${user.uid}:${user.gid}`,
    // As a login would have it: what the machine's /etc/group says, by numbers that the host knows too.
    groups: root ? [] : user.groups.map(({ gid }) => String(gid)),
    cwd: await firstFolder(container, [cwd, home, "/"]),
    env: [
      `HOME=${home}`,
      `USER=${account}`,
      `LOGNAME=${account}`,
      `SHELL=${shell}`,
      `LANG=${found?.locale ?? "C.UTF-8"}`,
      ...(user.timeZone === undefined ? [] : [`TZ=${user.timeZone}`]),
      ...(sshAgent ? [`SSH_AUTH_SOCK=${AGENT}`] : []),
    ],
    shell,
  };
}

async function firstFolder(
  container: MachineContainer,
  paths: readonly (string | undefined)[],
): Promise<string> {
  for (const path of paths) {
    if (path === "/" || path !== undefined && await container.isFolder(path)) return path;
  }
  return "/";
}
