import type { Started } from "../api/mod.ts";
import type { App } from "./app.ts";
import { statusOf } from "./attach_end.ts";
import { AttachSession } from "./attach_session.ts";
import { Signals } from "./attach_signals.ts";
import { cidfile } from "./cidfile.ts";
import { createContainer, type FetchFlags } from "./create_container.ts";
import { type ContainerFlags, createRequest } from "./create_request.ts";
import { parseDetachKeys } from "./detach_keys.ts";
import type { EngineClient } from "./engine_client.ts";
import { watchSilentPorts } from "./silent_ports.ts";
import { type Moments, printTiming } from "./timing.ts";

export interface RunFlags extends ContainerFlags, FetchFlags {
  readonly detach?: boolean;
  readonly timing?: boolean;
}

/** Runs a program in a new container. The exit status is the program's. */
export async function run(
  app: App,
  image: string,
  args: readonly string[],
  flags: RunFlags,
): Promise<void> {
  const request = await createRequest(app, image, args, flags);
  const detachKeys = parseDetachKeys(flags.detachKeys);
  const writeId = await cidfile(flags.cidfile);
  const moments: Moments = { parsed: Date.now() };
  const engine = await app.engine();
  moments.connected = Date.now();
  const signals = new Signals();
  const { interrupted } = signals;
  const { id, name } = await createContainer(app, engine, request, flags, interrupted);
  moments.created = Date.now();
  const container = { id, name, startedOnce: false };
  let unwatch = () => {};
  const onStarted = async (started: Started) => {
    container.startedOnce = true;
    moments.started = Date.now();
    for (const notice of started.notices ?? []) app.stderr.line(`note: ${notice}`);
    if (started.timing) moments.timing = started.timing;
    await writeId(id);
  };
  try {
    signals.throwIfInterrupted();
    if (flags.detach) {
      await onStarted(await engine.post(`/containers/${id}/start`, {}, {}) as Started);
      app.stdout.line(id);
    } else {
      if (request.ports?.length || request.publishAll) {
        unwatch = watchSilentPorts(app, engine, { id, name });
      }
      const end = await new AttachSession(app, {
        container: id,
        start: true,
        from: 0n,
        stdin: Boolean(flags.interactive),
        tty: Boolean(flags.tty),
        detachKeys,
        whenOutputCloses: "end",
        signals,
        onStarted,
        onOutput: () => void (moments.firstOutput = Date.now()),
      }).run(engine);
      app.exitStatus = statusOf(app, name, end);
    }
  } catch (error) {
    if (!container.startedOnce) await remove(engine, id);
    throw error;
  } finally {
    unwatch();
  }
  if (flags.timing) printTiming(app, moments);
}

/** A container that never ran is of no use to anybody. */
async function remove(engine: EngineClient, id: string): Promise<void> {
  await engine.delete(`/containers/${id}?force=1`).catch(() => {}); // the first error is the one told
}
