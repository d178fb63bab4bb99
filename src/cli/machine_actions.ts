import { z } from "zod";
import {
  Machine,
  MachinePort,
  MachineSnapshot,
  RemovedMachine,
  SetMachineReply,
  type SetMachineRequest,
} from "../api/mod.ts";
import { CtrError, formatSize, isCtrError } from "../core/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { fetchArchive } from "./export_action.ts";
import { hostUser } from "./host_user.ts";
import { printInspected } from "./inspected.ts";
import { type Format, printList } from "./list.ts";
import { machineFields } from "./machine_fields.ts";
import { memory } from "./machine_create_action.ts";
import { machinePath } from "./machine_paths.ts";
import { parseAnswer } from "./parse_answer.ts";
import { sendArchive } from "./send_archive.ts";
import { count, seconds } from "./settings.ts";
import { eachTarget } from "./targets.ts";

const NO_DEADLINE = {};
const Named = z.object({ name: z.string() });

/** Prints each name when it is ready. */
export async function start(app: App, names: readonly string[]): Promise<void> {
  const engine = await app.engine();
  await eachNamed(app, names, async (name) => {
    const machine = await engine.post(machinePath(name, "start"), {}, NO_DEADLINE);
    app.stdout.line(parseAnswer(Machine, machine).id);
  });
}

/** Prints each name when it has stopped, or runs again. */
export async function stop(
  app: App,
  names: readonly string[],
  action: "stop" | "restart",
  flags: { readonly time: string },
): Promise<void> {
  const timeoutMs = seconds("--time", flags.time);
  const engine = await app.engine();
  await eachNamed(app, names, async (name) => {
    const answer = await engine.post(machinePath(name, action), { timeoutMs }, NO_DEADLINE);
    app.stdout.line(parseAnswer(Named, answer).name);
  });
}

/** None is the default machine. */
async function eachNamed(
  app: App,
  names: readonly string[],
  act: (name: string | undefined) => Promise<void>,
): Promise<void> {
  if (names.length === 0) return await act(undefined);
  await eachTarget(app, names, act);
}

/** Lists machines, by name. */
export async function list(
  app: App,
  flags: { readonly quiet?: boolean; readonly format: Format },
): Promise<void> {
  const engine = await app.engine();
  const machines = parseAnswer(z.array(Machine), await engine.get("/machines"));
  await printList(app, machines, {
    format: flags.format,
    quiet: flags.quiet,
    header: ["NAME", "IMAGE", "STATE", "IP", "CPUS", "MEMORY", "DISK", "DEFAULT"],
    row: (each) => [
      each.id,
      each.image.reference,
      each.state,
      each.ipAddress ?? "",
      String(each.resources.cpus),
      formatSize(each.resources.memoryInBytes),
      formatSize(each.disk.allocatedInBytes),
      each.default ? "*" : "",
    ],
    id: (each) => each.id,
    fields: machineFields,
  });
}

/** Prints machines as a JSON array. Nothing is printed when one of them is missing. */
export async function inspect(
  app: App,
  names: readonly string[],
  flags: { readonly format?: Format },
): Promise<void> {
  const engine = await app.engine();
  const wanted = names.length === 0 ? [undefined] : [...new Set(names)];
  const found: Machine[] = [];
  const missing: string[] = [];
  for (const name of wanted) {
    try {
      found.push(parseAnswer(Machine, await engine.get(machinePath(name))));
    } catch (error) {
      if (name === undefined || !isCtrError(error, "not-found")) throw error;
      missing.push(name);
    }
  }
  if (missing.length > 0) {
    const quoted = missing.map((name) => `"${name}"`).join(", ");
    throw new CtrError("not-found", `cannot inspect ${quoted}: there is no such machine`, {
      hint: 'see "ctr machine ls"',
    });
  }
  await printInspected(app, found, flags.format, machineFields);
}

/** Prints the name, and what has to wait for the next start. */
export async function set(
  app: App,
  settings: readonly string[],
  flags: { readonly name?: string },
): Promise<void> {
  const request = Object.assign({}, ...settings.map(setting)) as SetMachineRequest;
  const engine = await app.engine();
  const answer = await engine.post(machinePath(flags.name, "set"), request, NO_DEADLINE);
  const { name, warnings } = parseAnswer(SetMachineReply, answer);
  for (const warning of warnings) app.stderr.line(`note: ${warning}`);
  app.stdout.line(name);
}

function setting(text: string): SetMachineRequest {
  const [, key, value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  switch (key) {
    case "cpus":
      return { cpus: count("cpus", value, 1, 256) };
    case "memory":
      return { memoryBytes: memory(value) };
    case "kernel":
      return { kernel: value };
    case "home-mount":
      if (value === "rw" || value === "ro" || value === "none") return { homeMount: value };
      throw usage(`cannot set home-mount to "${value}": want rw, ro or none`);
    case "virtualization":
      throw new CtrError(
        "unsupported",
        "cannot set virtualization: this driver cannot nest machines",
      );
    default:
      throw usage(`cannot set "${text}": want cpus, memory, home-mount or kernel, as cpus=4`);
  }
}

export async function setDefault(app: App, name: string): Promise<void> {
  const engine = await app.engine();
  await engine.post(machinePath(name, "default"), {}, {});
  app.stdout.line(name);
}

/** As `ctr logs` of its container. */
export async function logs(
  app: App,
  name: string | undefined,
  flags: { readonly boot?: boolean; readonly follow?: boolean; readonly tail?: string },
): Promise<void> {
  const engine = await app.engine();
  const { containerId } = parseAnswer(Machine, await engine.get(machinePath(name)));
  const { logs } = await import("./logs_action.ts");
  await logs(
    app,
    containerId,
    { ...flags, ...(flags.tail !== undefined && { n: flags.tail }) } as never,
  );
}

/** As `ctr cp`, with names of machines. */
export async function copy(
  app: App,
  source: string,
  target: string,
  flags: object,
): Promise<void> {
  const { copy } = await import("./copy_action.ts");
  await copy(app, inside(source), inside(target), flags as never);
}

/** `dev:/x` is `/x` of the container that the machine `dev` is. */
function inside(path: string): string {
  return path.replace(/^([a-z0-9][a-z0-9-]*):/, "$1.machine:");
}

export async function clone(app: App, name: string, target: string): Promise<void> {
  const engine = await app.engine();
  const answer = await engine.post(machinePath(name, "clone"), { target }, NO_DEADLINE);
  app.stdout.line(parseAnswer(Machine, answer).id);
}

export async function rename(app: App, name: string, target: string): Promise<void> {
  const engine = await app.engine();
  await engine.post(machinePath(name, "rename"), { target }, NO_DEADLINE);
  app.stdout.line(target);
}

/** Prints each name, and what it freed and what it left. */
export async function remove(
  app: App,
  names: readonly string[],
  flags: { readonly purge?: boolean },
): Promise<void> {
  const engine = await app.engine();
  await eachTarget(app, names, async (name) => {
    const removed = parseAnswer(
      RemovedMachine,
      await engine.delete(machinePath(name)),
    );
    const { image, freedInBytes, wasDefault } = removed;
    app.stderr.line(`note: ${formatSize(freedInBytes)} of disk were freed`);
    if (wasDefault) {
      app.stderr.line('note: there is no default machine now; see "ctr machine set-default"');
    }
    if (!flags.purge) {
      app.stderr.line(`note: the image ${image} stays; remove it with: ctr image rm ${image}`);
    } else await purge(app, image);
    app.stdout.line(removed.name);
  });
}

async function purge(app: App, image: string): Promise<void> {
  const engine = await app.engine();
  try {
    await engine.post("/images/remove", { references: [image], force: false }, NO_DEADLINE);
  } catch (error) {
    if (!isCtrError(error)) throw error;
    app.stderr.line(`note: the image ${image} stays: ${error.message}`);
  }
}

/** Prints the name of the snapshot. */
export async function snapshot(
  app: App,
  name: string,
  given: string | undefined,
  flags: { readonly list?: boolean; readonly rm?: boolean; readonly format: Format },
): Promise<void> {
  const engine = await app.engine();
  const path = machinePath(name, "snapshots");
  if (flags.list) {
    const found = parseAnswer(z.array(MachineSnapshot), await engine.get(path));
    return await printList(app, found, {
      format: flags.format,
      header: ["SNAPSHOT", "CREATED", "SIZE"],
      row: (each) => [each.name, each.createdAt, formatSize(each.sizeInBytes)],
      id: (each) => each.name,
      fields: (each) => ({ ...each }),
    });
  }
  if (flags.rm && given === undefined) throw usage("want the name of the snapshot to remove");
  const wanted = given ?? new Date().toISOString().replaceAll(/[:.]/g, "-").slice(0, 19);
  if (flags.rm) await engine.delete(`${path}/${encodeURIComponent(wanted)}`);
  else await engine.post(path, { name: wanted }, NO_DEADLINE);
  app.stdout.line(wanted);
}

export async function restore(app: App, name: string, wanted: string): Promise<void> {
  const engine = await app.engine();
  await engine.post(machinePath(name, "restore"), { name: wanted }, NO_DEADLINE);
  app.stdout.line(name);
}

export async function exportMachine(
  app: App,
  name: string,
  flags: { readonly output?: string },
): Promise<void> {
  await fetchArchive(app, machinePath(name, "export"), flags.output);
}

/** Prints the name of the machine that was made. */
export async function importMachine(
  app: App,
  file: string,
  flags: { readonly name?: string },
): Promise<void> {
  const user = await hostUser(app, "none");
  const query = new URLSearchParams({ user: JSON.stringify(user) });
  if (flags.name !== undefined) query.set("name", flags.name.toLowerCase());
  const answer = await sendArchive(
    app,
    `/machines/import?${query}`,
    file,
    `cannot import "${file}"`,
  );
  app.stdout.line(parseAnswer(Machine, answer).id);
}

export async function ports(
  app: App,
  name: string | undefined,
  flags: { readonly format: Format },
): Promise<void> {
  const engine = await app.engine();
  const found = parseAnswer(z.array(MachinePort), await engine.get(machinePath(name, "ports")));
  await printList(app, found, {
    format: flags.format,
    header: ["PORT", "HOST", "NOTE"],
    row: (each) => [String(each.port), each.host ?? "", each.reason ?? ""],
    id: (each) => String(each.port),
    fields: (each) => ({ ...each }),
  });
}
