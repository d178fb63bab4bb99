import type { ListenSpec } from "../../vm/mod.ts";
import type { ContainerConfig } from "../types.ts";

/** Where `--ssh` puts the caller's agent. */
export const SSH_AGENT_PATH = "/run/host-services/ssh-auth.sock";

/** A socket in the container behind which is one of the host. */
export interface Inward {
  /** Of the listener in the guest; its streams begin with it and a dot. */
  readonly id: string;
  /** On the host. */
  readonly source: string;
  readonly target: string;
  /** The caller's ssh-agent: whoever runs in the container may use it, whatever its owner is on the host. */
  readonly agent: boolean;
}

const PREFIX = "socket-";

/** Streams of the guest that carry connections, which no client attaches to. */
export function isSocketStream(id: string): boolean {
  return id.startsWith(PREFIX);
}

export function newStreamId(): string {
  return `${PREFIX}out-${crypto.randomUUID()}`;
}

/** The sockets of the host that a container sees. */
export function inwardSockets({ mounts, sshAgent }: ContainerConfig): Inward[] {
  const mounted = mounts.flatMap((mount, at): Inward[] =>
    mount.type === "socket"
      ? [{ id: `${PREFIX}${at}`, source: mount.source, target: mount.target, agent: false }]
      : []
  );
  if (!sshAgent) return mounted;
  const agent = {
    id: `${PREFIX}ssh`,
    source: sshAgent.socket,
    target: SSH_AGENT_PATH,
    agent: true,
  };
  return [...mounted, agent];
}

/**
 * How the guest makes them: with the mode and the owner of the host's. What is not there at the moment may
 * come; who connects before is turned away.
 */
export async function listenSpecs(config: ContainerConfig): Promise<ListenSpec[]> {
  return await Promise.all(
    inwardSockets(config).map(async ({ id, source, target, agent }) => {
      const info = await Deno.stat(source).catch(() => undefined);
      const mode = agent ? 0o666 : (info?.mode ?? 0o600) & 0o777;
      return {
        id,
        path: target,
        mode,
        uid: agent ? 0 : info?.uid ?? 0,
        gid: agent ? 0 : info?.gid ?? 0,
      };
    }),
  );
}
