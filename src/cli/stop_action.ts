import type { Container, Exit } from "../api/mod.ts";
import { parseDurationMs } from "../core/mod.ts";
import type { App } from "./app.ts";
import type { EngineClient } from "./engine_client.ts";
import { EngineGone, usage } from "./errors.ts";
import { handAgent } from "./hand_agent.ts";
import { seconds } from "./settings.ts";
import { allTargets, checkTargets, containerPath } from "./targets.ts";

interface StopFlags {
  readonly all?: boolean;
  readonly signal?: string;
  readonly time?: string;
  readonly timeout?: string;
}

/** Stops each container and prints its name when it has stopped. */
export async function stop(
  app: App,
  containers: readonly string[],
  flags: StopFlags,
): Promise<void> {
  await end(app, containers, flags, "stop");
}

/** Stops each container that runs, starts it, and prints its name. */
export async function restart(
  app: App,
  containers: readonly string[],
  flags: StopFlags,
): Promise<void> {
  await end(app, containers, flags, "restart");
}

async function end(
  app: App,
  containers: readonly string[],
  flags: StopFlags,
  action: "stop" | "restart",
): Promise<void> {
  checkTargets(containers, flags.all);
  const time = flags.time ?? flags.timeout;
  const request = {
    ...(flags.signal !== undefined && { signal: flags.signal }),
    ...(time !== undefined && { timeoutMs: seconds("--time", time) }),
  };
  const engine = await app.engine();
  const targets = flags.all ? await running(engine) : containers;
  const act = async (container: string) => {
    if (action === "restart") await handAgent(app, engine, container);
    await engine.post(containerPath(container, action), request, {});
  };
  await allTargets(app, targets, act, (container) => app.stdout.line(container));
}

export async function kill(
  app: App,
  containers: readonly string[],
  flags: { readonly all?: boolean; readonly signal: string },
): Promise<void> {
  checkTargets(containers, flags.all);
  const engine = await app.engine();
  const targets = flags.all ? await running(engine) : containers;
  const { signal } = flags;
  const act = (container: string) => engine.post(containerPath(container, "kill"), { signal });
  await allTargets(app, targets, act, (container) => app.stdout.line(container));
}

interface RemoveFlags {
  readonly all?: boolean;
  readonly force?: boolean;
  readonly volumes?: boolean;
}

export async function remove(
  app: App,
  containers: readonly string[],
  flags: RemoveFlags,
): Promise<void> {
  checkTargets(containers, flags.all);
  const engine = await app.engine();
  let targets = containers;
  if (flags.all) {
    const every = await engine.get("/containers?all=1") as Container[];
    const ended = (each: Container) => ["created", "exited"].includes(each.status.state);
    targets = every.filter((each) => flags.force || ended(each)).map((each) => each.name);
  }
  const query = [flags.force && "force=1", flags.volumes && "volumes=1"].filter(Boolean).join("&");
  const act = (container: string) =>
    engine.delete(`${containerPath(container)}${query && `?${query}`}`);
  await allTargets(app, targets, act, (container) => app.stdout.line(container));
}

interface WaitFlags {
  readonly for: "stopped" | "running" | "healthy" | "removed";
  readonly timeout?: string;
}

/**
 * All are waited for at once, and told in the order they were named: the status of what has stopped,
 * the name otherwise.
 */
export async function wait(
  app: App,
  containers: readonly string[],
  flags: WaitFlags,
): Promise<void> {
  const { for: wanted, timeout } = flags;
  const most = timeout === undefined ? undefined : timeoutMs(timeout);
  const first = await app.engine();
  const began = performance.now();
  const request = (engine: EngineClient) => {
    const spent = engine === first ? 0 : Math.round(performance.now() - began);
    return { for: wanted, ...(most !== undefined && { timeoutMs: Math.max(0, most - spent) }) };
  };
  const act = async (container: string): Promise<Exit | undefined> => {
    for (let engine = first;; engine = await nextEngine(app)) {
      try {
        return await engine.post(containerPath(container, "wait"), request(engine), {}) as Exit;
      } catch (error) {
        if (!(error instanceof EngineGone)) throw error; // the next engine goes on with it
      }
    }
  };
  await allTargets(app, containers, act, (container, exit) => {
    app.stdout.line(wanted === "stopped" ? String(exit?.status) : container);
  });
}

async function nextEngine(app: App): Promise<EngineClient> {
  const { startedEngine } = await import("./engine_start.ts");
  return await startedEngine(await app.home());
}

function timeoutMs(text: string): number {
  const ms = parseDurationMs(text);
  if (ms <= 2 ** 31 - 1) return Math.round(ms);
  throw usage(`cannot use --timeout "${text}": want at most 24d`);
}

/** What `--all` means: everything that runs, is paused or waits for its restart. */
async function running(engine: EngineClient): Promise<string[]> {
  return (await engine.get("/containers") as Container[]).map((each) => each.name);
}
