import type { ExecReply } from "../api/mod.ts";
import type { App } from "./app.ts";
import { statusOf } from "./attach_end.ts";
import { AttachSession } from "./attach_session.ts";
import { Signals } from "./attach_signals.ts";
import { parseDetachKeys } from "./detach_keys.ts";
import { type ProcessFlags, processSpec } from "./process_spec.ts";

/** Runs a further program in a running container. The exit status is the program's. */
export async function exec(
  app: App,
  container: string,
  args: readonly string[],
  flags: ProcessFlags & { readonly detach?: boolean },
): Promise<void> {
  const process = await processSpec(app, args, flags);
  const detachKeys = parseDetachKeys(flags.detachKeys);
  const engine = await app.engine();
  const path = `/containers/${encodeURIComponent(container)}/exec`;
  const detach = Boolean(flags.detach);
  const { processId } = await engine.post(path, { process, detach }, {}) as ExecReply;
  if (detach) {
    app.stdout.line(container);
    return;
  }
  const end = await new AttachSession(app, {
    container,
    processId,
    start: true,
    from: 0n,
    stdin: Boolean(flags.interactive),
    tty: Boolean(flags.tty),
    detachKeys,
    whenOutputCloses: "end",
    signals: new Signals(),
  }).run(engine);
  app.exitStatus = statusOf(app, container, end);
}
