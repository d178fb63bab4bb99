import type { Container, Exit } from "../api/mod.ts";
import type { App } from "./app.ts";
import type { EngineClient } from "./engine_client.ts";
import { seconds } from "./settings.ts";
import { checkTargets, eachTarget } from "./targets.ts";

interface StopFlags {
  readonly all?: boolean;
  readonly signal?: string;
  readonly time?: string;
  readonly timeout?: string;
}

/** Stops each container and prints its name as soon as it has stopped. */
export async function stop(
  app: App,
  containers: readonly string[],
  flags: StopFlags,
): Promise<void> {
  checkTargets(containers, flags.all);
  const time = flags.time ?? flags.timeout;
  const request = {
    ...(flags.signal !== undefined && { signal: flags.signal }),
    ...(time !== undefined && { timeoutMs: seconds("--time", time) }),
  };
  const engine = await app.engine();
  const targets = flags.all ? await running(engine) : containers;
  await eachTarget(app, targets, async (container) => {
    await engine.post(`/containers/${encodeURIComponent(container)}/stop`, request, {});
    app.stdout.line(container);
  });
}

export async function kill(
  app: App,
  containers: readonly string[],
  flags: { readonly all?: boolean; readonly signal: string },
): Promise<void> {
  checkTargets(containers, flags.all);
  const engine = await app.engine();
  const targets = flags.all ? await running(engine) : containers;
  await eachTarget(app, targets, async (container) => {
    const path = `/containers/${encodeURIComponent(container)}/kill`;
    await engine.post(path, { signal: flags.signal });
    app.stdout.line(container);
  });
}

export async function remove(
  app: App,
  containers: readonly string[],
  flags: { readonly all?: boolean; readonly force?: boolean },
): Promise<void> {
  checkTargets(containers, flags.all);
  const engine = await app.engine();
  let targets = containers;
  if (flags.all) {
    const every = await engine.get("/containers?all=1") as Container[];
    const ended = (each: Container) => ["created", "exited"].includes(each.status.state);
    targets = every.filter((each) => flags.force || ended(each)).map((each) => each.name);
  }
  await eachTarget(app, targets, async (container) => {
    await engine.delete(
      `/containers/${encodeURIComponent(container)}${flags.force ? "?force=1" : ""}`,
    );
    app.stdout.line(container);
  });
}

/** All are waited for at once, and told in the order they were named. */
export async function wait(app: App, containers: readonly string[]): Promise<void> {
  const engine = await app.engine();
  const exits = new Map([...new Set(containers)].map((container) => {
    const path = `/containers/${encodeURIComponent(container)}/wait`;
    const exit = engine.post(path, {}, {}) as Promise<Exit>;
    exit.catch(() => {}); // told when its turn comes
    return [container, exit];
  }));
  await eachTarget(app, containers, async (container) => {
    app.stdout.line(String((await exits.get(container)!).status));
  });
}

async function running(engine: EngineClient): Promise<string[]> {
  return (await engine.get("/containers") as Container[]).map((each) => each.name);
}
