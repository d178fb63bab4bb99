import { dirname } from "node:path";
import { CtrError, writeFileAtomic } from "../core/mod.ts";
import { ctrHome, hostSystem } from "../host/mod.ts";
import type { App } from "./app.ts";
import { engineCommand } from "./engine_command.ts";
import { printList } from "./list.ts";
import { type Service, type ServiceFacts, serviceOf, startsAt } from "./service_unit.ts";

/** What the host says to a command. `undefined`: there is no such program. */
type Outcome = { readonly ok: boolean; readonly said: string } | undefined;

/** What the actions touch besides `App`; a test has its own. */
export interface ServiceHost {
  readonly facts: ServiceFacts;
  /** Before every path. */
  readonly rootFolder: string;
  run(command: readonly string[]): Promise<Outcome>;
}

/** Prints the path of what was written. */
export async function enable(
  app: App,
  flags: { readonly boot?: boolean },
  host?: ServiceHost,
): Promise<void> {
  const { facts, rootFolder, run } = host ?? await thisHost(app);
  const boot = flags.boot ?? false;
  if (boot && facts.system === "darwin" && !facts.root) {
    throw new CtrError("denied", "cannot enable the service at boot: that takes root on macOS", {
      hint: `type: sudo CTR_HOME="${facts.home}" ctr service enable --boot`,
    });
  }
  const service = serviceOf(facts, boot);
  const path = rootFolder + service.path;
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, service.text, { mode: 0o644 });
  } catch (error) {
    const fact = error instanceof Error ? error.message : String(error);
    throw new CtrError("denied", `cannot write "${path}": ${fact}`, { cause: error });
  }
  app.stdout.line(path);
  await runAll(app, service.enable, run);
}

/** Prints the path of what was removed. Containers run on. */
export async function disable(app: App, host?: ServiceHost): Promise<void> {
  const { facts, rootFolder, run } = host ?? await thisHost(app);
  const found = await written(facts, rootFolder);
  if (!found) return app.stderr.line("note: the service is not enabled");
  const { service, path, text } = found;
  await runAll(app, service.disable, run);
  await Deno.remove(path);
  app.stdout.line(path);
  if (facts.system === "darwin") return;
  await run([
    ...service.disable[0]!.filter((word) => /^systemctl$|^--user$/.test(word)),
    "daemon-reload",
  ]);
  if (startsAt(text) === "boot" && !facts.root) {
    app.stderr.line('note: lingering is left on; type "loginctl disable-linger" to end it');
  }
}

/** Ends with 1 when it is not enabled, as `system status` does. */
export async function serviceStatus(
  app: App,
  flags: { readonly format: string },
  host?: ServiceHost,
): Promise<void> {
  const { facts, rootFolder } = host ?? await thisHost(app);
  const found = await written(facts, rootFolder);
  const engine = await app.runningEngine() ? "running" : "not running";
  const status: Record<string, string> = found
    ? { service: "enabled", file: found.path, starts: startsAt(found.text), engine }
    : { service: "disabled", engine };
  if (!found) app.exitStatus = 1;
  if (flags.format === "json") return app.stdout.line(JSON.stringify(status));
  if (flags.format !== "table") {
    return await printList(app, [status], { ...flags, header: [], row: () => [], id: () => "" });
  }
  await printList(app, Object.entries(status), {
    format: flags.format,
    header: ["FIELD", "VALUE"],
    row: ([field, value]) => [field, value],
    id: ([field]) => field,
  });
}

/** The service of this home, whichever way it was enabled. */
async function written(
  facts: ServiceFacts,
  rootFolder: string,
): Promise<{ service: Service; path: string; text: string } | undefined> {
  for (const boot of [false, true]) {
    const service = serviceOf(facts, boot);
    const path = rootFolder + service.path;
    const text = await Deno.readTextFile(path).catch(() => undefined);
    if (text !== undefined) {
      return { service: serviceOf(facts, startsAt(text) === "boot"), path, text };
    }
  }
  return undefined;
}

/** What the system does not do for us is left to the user, who is told what to type. */
async function runAll(
  app: App,
  commands: readonly (readonly string[])[],
  run: ServiceHost["run"],
): Promise<void> {
  for (const [at, command] of commands.entries()) {
    const outcome = await run(command);
    if (outcome?.ok) continue;
    const fact = outcome ? outcome.said || "it failed" : `there is no ${command[0]} here`;
    app.stderr.line(`note: ${command.join(" ")}: ${fact}`);
    for (const left of commands.slice(at)) app.stderr.line(`note: type: ${left.join(" ")}`);
    return;
  }
}

async function thisHost(app: App): Promise<ServiceHost> {
  const uid = Deno.uid() ?? -1;
  const home = await app.home();
  const { CTR_HOME: _own, ...plain } = Deno.env.toObject();
  return {
    rootFolder: "",
    run: runCommand,
    facts: {
      system: hostSystem(),
      root: uid === 0,
      uid,
      command: [...engineCommand(), "--stay"],
      home,
      defaultHome: home === ctrHome(plain),
      env: app.env,
    },
  };
}

async function runCommand([program, ...args]: readonly string[]): Promise<Outcome> {
  try {
    const { success, stderr } = await new Deno.Command(program!, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      signal: AbortSignal.timeout(30_000),
    }).output();
    const lines = new TextDecoder().decode(stderr).trim().split("\n");
    return { ok: success, said: lines.at(-1) ?? "" };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    return { ok: false, said: error instanceof Error ? error.message : String(error) };
  }
}
