import { connectUnixOnce } from "../../host/mod.ts";
import { relay, type RunningVm } from "../../vm/mod.ts";
import { listenerId } from "./step_request.ts";
import type { RunStep } from "./types.ts";

const AGAIN_MS = 100;

/** Carries a step's connections to the caller's agents until `signal`. */
export function forwardAgents(
  vm: RunningVm,
  step: RunStep,
  id: string,
  signal: AbortSignal,
): void {
  const agents = new Map(
    step.mounts.flatMap((mount, at) =>
      mount.kind === "ssh" ? [[listenerId(id, at), mount.socket] as const] : []
    ),
  );
  if (agents.size > 0) void forward(vm, id, agents, signal);
}

async function forward(
  vm: RunningVm,
  id: string,
  agents: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const carried = new Set<string>(); // one that nobody has followed yet is told again
  while (!signal.aborted && !vm.gone) {
    try {
      for await (const { listenerId, streamId } of vm.guest.accepted(id, signal)) {
        const agent = agents.get(listenerId);
        if (agent === undefined || carried.has(streamId)) continue;
        carried.add(streamId);
        void carry(vm, agent, streamId, signal);
      }
    } catch {
      // another connection to the guest is being made, or the step has ended
    }
    if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

async function carry(
  vm: RunningVm,
  agent: string,
  streamId: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const socket = await connectUnixOnce(agent);
    const end = () => void socket.destroy();
    signal.addEventListener("abort", end, { once: true });
    await relay(vm, streamId, socket);
    signal.removeEventListener("abort", end);
  } catch {
    await vm.guest.forget(streamId).catch(() => {}); // nobody listens: the connection is closed
  }
}
