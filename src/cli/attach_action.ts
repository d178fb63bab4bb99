import type { Container } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { statusOf } from "./attach_end.ts";
import { AttachSession } from "./attach_session.ts";
import { Signals } from "./attach_signals.ts";
import { parseDetachKeys } from "./detach_keys.ts";

/** Joins the streams of a running container. The exit status is its process's. */
export async function attach(
  app: App,
  reference: string,
  flags: { readonly stdin: boolean; readonly detachKeys: string },
): Promise<void> {
  const detachKeys = parseDetachKeys(flags.detachKeys);
  const engine = await app.engine();
  const path = `/containers/${encodeURIComponent(reference)}`;
  const { id, name, configuration, status } = await engine.get(path) as Container;
  if (status.state !== "running") {
    throw new CtrError("invalid-state", `cannot attach to "${name}": it is ${status.state}`, {
      hint: `start it with "ctr start -a ${name}"`,
    });
  }
  const { terminal, interactive } = configuration.initProcess;
  const end = await new AttachSession(app, {
    container: id,
    start: false,
    from: undefined,
    stdin: interactive && flags.stdin,
    tty: terminal,
    detachKeys,
    whenOutputCloses: "leave",
    signals: new Signals(),
  }).run(engine);
  app.exitStatus = statusOf(app, name, end);
}
