import type { App } from "./app.ts";
import type { EngineClient } from "./engine_client.ts";
import { containerPath } from "./targets.ts";

/**
 * Tells a container that forwards an ssh-agent where ours listens: it may have been created in a login whose
 * agent is gone. Without an agent of our own it keeps the one that it has.
 */
export async function handAgent(app: App, engine: EngineClient, container: string): Promise<void> {
  const path = app.env("SSH_AUTH_SOCK");
  if (!path?.startsWith("/")) return;
  const found = await Deno.stat(path).catch(() => undefined);
  if (found?.isSocket) await engine.post(containerPath(container, "agent"), { socket: path }, {});
}
