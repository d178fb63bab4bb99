import { z } from "zod";
import { EnterMachineReply, type ExecReply, Machine } from "../api/mod.ts";
import { ctrHome, ownCommand } from "../host/mod.ts";
import type { App } from "./app.ts";
import { statusOf } from "./attach_end.ts";
import { AttachSession } from "./attach_session.ts";
import { Signals } from "./attach_signals.ts";
import { machinePath } from "./machine_paths.ts";
import { parseAnswer } from "./parse_answer.ts";

/** Where the guest has put its SSH server. */
const SERVER = "/run/ctr/ssh";

/** Prints a block for each machine. */
export async function sshConfig(app: App, names: readonly string[]): Promise<void> {
  const engine = await app.engine();
  const machines = names.length === 0
    ? parseAnswer(z.array(Machine), await engine.get("/machines"))
    : await Promise.all(
      [...new Set(names)].map(async (name) =>
        parseAnswer(Machine, await engine.get(machinePath(name)))
      ),
    );
  const command = proxyCommand(await app.home());
  for (const { id, user } of machines) {
    app.stdout.write(
      [
        `Host ${id}.ctr`,
        `  User ${user.name}`,
        `  ProxyCommand ${command} ${id} --user %r`,
        // Who answers is known by the way to it. The server begins with the connection, and so does its key.
        "  StrictHostKeyChecking no",
        "  UserKnownHostsFile /dev/null",
        "  LogLevel ERROR",
        "",
      ].join("\n"),
    );
  }
}

/** ssh gives the line to a shell. */
function proxyCommand(home: string): string {
  const words = ownCommand("machine");
  const others = { ...Deno.env.toObject() };
  delete others.CTR_HOME;
  const own = home === ctrHome(others) ? words : ["env", `CTR_HOME=${home}`, ...words];
  return [...own, "ssh-proxy"].map(quoted).join(" ");
}

function quoted(word: string): string {
  const safe = /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
  return safe.replaceAll("%", "%%"); // ssh's own sign
}

/** Carries a connection to a machine's SSH server, which begins with it. */
export async function sshProxy(
  app: App,
  name: string,
  flags: { readonly user?: string },
): Promise<void> {
  const engine = await app.engine();
  const request = { root: flags.user === "root" };
  const answer = await engine.post(machinePath(name, "enter"), request, {});
  const { containerId, user, groups, cwd, env } = parseAnswer(EnterMachineReply, answer);
  const process = {
    args: [SERVER],
    user,
    additionalGroups: groups,
    cwd,
    env,
    interactive: true,
    privileged: true,
  };
  const path = `/containers/${containerId}/exec`;
  const { processId } = await engine.post(path, { process, detach: false }, {}) as ExecReply;
  const end = await new AttachSession(app, {
    container: containerId,
    processId,
    start: true,
    from: 0n,
    stdin: true,
    tty: false,
    detachKeys: new Uint8Array(),
    whenOutputCloses: "end",
    signals: new Signals(),
  }).run(engine);
  app.exitStatus = statusOf(app, name, end);
}
