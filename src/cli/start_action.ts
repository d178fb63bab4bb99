import type { Container, Started } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { statusOf } from "./attach_end.ts";
import { AttachSession } from "./attach_session.ts";
import { Signals } from "./attach_signals.ts";
import { parseDetachKeys } from "./detach_keys.ts";
import { usage } from "./errors.ts";
import { handAgent } from "./hand_agent.ts";
import { eachTarget } from "./targets.ts";

interface StartFlags {
  readonly attach?: boolean;
  readonly interactive?: boolean;
  readonly detachKeys: string;
}

/** Starts containers and prints each name, or joins the streams of one. */
export async function start(
  app: App,
  containers: readonly string[],
  flags: StartFlags,
): Promise<void> {
  if (flags.attach || flags.interactive) {
    app.ownsLowStatuses = true;
    const [only, second] = containers;
    if (second !== undefined) throw usage("cannot attach to more than one container");
    return await startAttached(app, only!, flags);
  }
  const engine = await app.engine();
  await eachTarget(app, containers, async (container) => {
    await handAgent(app, engine, container);
    const path = `/containers/${encodeURIComponent(container)}/start`;
    const started = await engine.post(path, {}, {}) as Started;
    for (const notice of started.notices ?? []) app.stderr.line(`note: ${notice}`);
    app.stdout.line(container);
  });
}

async function startAttached(app: App, reference: string, flags: StartFlags): Promise<void> {
  const detachKeys = parseDetachKeys(flags.detachKeys);
  const engine = await app.engine();
  const path = `/containers/${encodeURIComponent(reference)}`;
  const { id, name, configuration, status } = await engine.get(path) as Container;
  if (status.state !== "created" && status.state !== "exited") {
    throw new CtrError("invalid-state", `cannot start "${name}": it is ${status.state}`, {
      hint: `join it with "ctr attach ${name}"`,
    });
  }
  await handAgent(app, engine, id);
  const { terminal, interactive } = configuration.initProcess;
  const end = await new AttachSession(app, {
    container: id,
    start: true,
    from: 0n,
    stdin: interactive && Boolean(flags.interactive),
    tty: terminal,
    detachKeys,
    whenOutputCloses: "leave",
    signals: new Signals(),
    onStarted: (started) => {
      for (const notice of started.notices ?? []) app.stderr.line(`note: ${notice}`);
    },
  }).run(engine);
  app.exitStatus = statusOf(app, name, end);
}
