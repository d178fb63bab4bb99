import { EnterMachineReply, type ExecReply } from "../api/mod.ts";
import type { App } from "./app.ts";
import { statusOf } from "./attach_end.ts";
import { AttachSession } from "./attach_session.ts";
import { Signals } from "./attach_signals.ts";
import { parseDetachKeys } from "./detach_keys.ts";
import { machinePath } from "./machine_paths.ts";
import { mountRequest } from "./mount_flags.ts";
import { parseAnswer } from "./parse_answer.ts";
import { type ProcessFlags, processSpec } from "./process_spec.ts";

interface RunFlags extends ProcessFlags {
  readonly name?: string;
  readonly root?: boolean;
  readonly detach?: boolean;
  readonly ssh?: boolean;
}

/** What a program inside may want to know of the terminal that it is shown on. */
const TERMINAL_VARIABLES = ["TERM", "COLORTERM", "TERM_PROGRAM", "NO_COLOR", "COLORFGBG"];

/** Runs a program in a machine, or a login shell. The exit status is the program's. */
export async function run(app: App, args: readonly string[], flags: RunFlags): Promise<void> {
  const onTerminal = Deno.stdin.isTerminal() && app.stdout.isTerminal;
  const login = args.length === 0;
  const tty = flags.tty ?? (login && onTerminal);
  const interactive = flags.interactive ?? login;
  const detachKeys = parseDetachKeys(flags.detachKeys);
  const { sshAgent } = await mountRequest(app, { ...(flags.ssh && { ssh: true }) });
  const engine = await app.engine();
  const request = {
    cwd: Deno.cwd(),
    ...(flags.root && { root: true }),
    ...(sshAgent && { sshAgent }),
  };
  const entered = parseAnswer(
    EnterMachineReply,
    await engine.post(machinePath(flags.name, "enter"), request, {}),
  );
  const { containerId, user, groups, cwd, env, shell, name } = entered;
  const spec = await processSpec(app, login ? [shell, "-l"] : args, { ...flags, tty, interactive });
  const process = {
    ...spec,
    user,
    additionalGroups: groups,
    cwd: spec.cwd ?? cwd,
    env: [...env, ...terminalVariables(app, tty), ...spec.env ?? []],
    privileged: true,
  };
  const path = `/containers/${containerId}/exec`;
  const detach = Boolean(flags.detach);
  const { processId } = await engine.post(path, { process, detach }, {}) as ExecReply;
  if (detach) return app.stdout.line(name);
  const end = await new AttachSession(app, {
    container: containerId,
    processId,
    start: true,
    from: 0n,
    stdin: interactive,
    tty,
    detachKeys,
    whenOutputCloses: "end",
    signals: new Signals(),
  }).run(engine);
  app.exitStatus = statusOf(app, name, end);
}

function terminalVariables(app: App, tty: boolean): string[] {
  return TERMINAL_VARIABLES.flatMap((name) => {
    const value = app.env(name);
    return value && (tty || name === "NO_COLOR") ? [`${name}=${value}`] : [];
  });
}
