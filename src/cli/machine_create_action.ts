import { readFile } from "node:fs/promises";
import { type CreateMachineInput, CreateMachineRequest, Machine } from "../api/mod.ts";
import { registryEnvironment } from "../api/wire/mod.ts";
import { CtrError, isCtrError, parseSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import type { FetchFlags } from "./create_container.ts";
import type { EngineClient } from "./engine_client.ts";
import { usage } from "./errors.ts";
import { hostUser } from "./host_user.ts";
import { imageOf, machineSettings, nameOf } from "./machine_image.ts";
import { machinePath } from "./machine_paths.ts";
import { mountRequest } from "./mount_flags.ts";
import { attachment } from "./network_flags.ts";
import { parseAnswer } from "./parse_answer.ts";
import { platform, type PlatformFlags } from "./platform.ts";
import { count } from "./settings.ts";

interface CreateFlags extends FetchFlags, PlatformFlags {
  readonly name?: string;
  readonly setDefault?: boolean;
  readonly boot: boolean;
  readonly cpus?: string;
  readonly memory?: string;
  readonly disk?: string;
  readonly homeMount?: "rw" | "ro" | "none";
  readonly volume?: readonly string[];
  readonly mount?: readonly string[];
  readonly network?: readonly string[];
  readonly init: "auto" | "systemd" | "vminitd";
  readonly provision?: string;
  readonly ssh?: boolean;
  readonly kernel?: string;
}

const GIB = 1024 ** 3;
/** Less is no workspace. */
const LEAST_MEMORY = GIB;
/** Nothing has a deadline that makes a disk or runs somebody's script. */
const NO_DEADLINE = {};

/** Makes a machine, starts it and prints its name. */
export async function create(app: App, image: string, flags: CreateFlags): Promise<void> {
  const request = await createRequest(app, image, flags);
  const engine = await app.engine();
  const machine = await made(app, engine, request, flags);
  if (flags.boot) {
    try {
      await engine.post(machinePath(machine.id, "start"), {}, NO_DEADLINE);
    } catch (error) {
      if (!isCtrError(error)) throw error;
      throw new CtrError(error.code, error.message, {
        hint: error.hint ?? `it is there; remove it with: ctr machine rm ${machine.id}`,
        cause: error,
      });
    }
  }
  app.stdout.line(machine.id);
}

async function createRequest(
  app: App,
  text: string,
  flags: CreateFlags,
): Promise<CreateMachineInput> {
  const settings = await machineSettings();
  const image = imageOf(text, settings);
  const name = (flags.name ?? nameOf(image)).toLowerCase();
  const homeMount = flags.homeMount ?? settings.home_mount ?? "rw";
  const { mounts, sshAgent } = await mountRequest(app, {
    ...(flags.volume && { volume: flags.volume }),
    ...(flags.mount && { mount: flags.mount }),
    ...(flags.ssh && { ssh: true }),
  });
  const wanted = platform(app, flags, "environment");
  const cpus = flags.cpus === undefined ? settings.cpus : count("--cpus", flags.cpus, 1, 256);
  const memoryBytes = flags.memory === undefined
    ? settings.memory ?? GIB * 2
    : memory(flags.memory);
  const diskBytes = flags.disk === undefined ? settings.disk : disk(flags.disk);
  const provision = flags.provision && await readFile(flags.provision, "utf8").catch((error) => {
    throw new CtrError(
      "not-found",
      `cannot read "${flags.provision}": ${(error as Error).message}`,
    );
  });
  const request = {
    name,
    image,
    ...(wanted !== undefined && { platform: wanted }),
    ...(cpus !== undefined && { cpus }),
    memoryBytes,
    ...(diskBytes !== undefined && { diskBytes }),
    homeMount,
    user: await hostUser(app, homeMount),
    ...(mounts && { mounts }),
    ...(sshAgent && { sshAgent }),
    ...(flags.network && { networks: flags.network.map(attachment) }),
    init: flags.init,
    ...(provision && { provision }),
    ...(flags.kernel !== undefined && { kernel: flags.kernel }),
    ...(flags.setDefault && { setDefault: true }),
  };
  const { success, error } = CreateMachineRequest.safeParse(request);
  if (success) return request;
  const [{ path, message } = { path: [], message: "" }] = error.issues;
  if (path[0] === "name") throw usage(`cannot use --name "${name}": ${message}`);
  throw usage(`cannot create "${name}": ${path.join(".")}: ${message}`);
}

async function made(
  app: App,
  engine: EngineClient,
  request: CreateMachineInput,
  flags: FetchFlags,
): Promise<Machine> {
  const post = async () =>
    parseAnswer(Machine, await engine.post("/machines", request, NO_DEADLINE));
  if (flags.pull === "always") await pull(app, engine, request, flags);
  try {
    return await post();
  } catch (error) {
    if (!isCtrError(error, "not-found") || flags.pull !== "missing") throw error;
    await pull(app, engine, request, flags);
    return await post();
  }
}

async function pull(
  app: App,
  engine: EngineClient,
  { image, platform }: CreateMachineInput,
  flags: FetchFlags,
): Promise<void> {
  const { followProgress } = await import("./progress.ts");
  const response = await engine.postStream("/images/pull", {
    reference: image,
    scheme: flags.scheme,
    environment: registryEnvironment(),
    ...(platform !== undefined && { platform }),
  });
  await followProgress(app, response, { how: flags.progress, title: `pulling ${image}` });
}

export function memory(text: string): number {
  const bytes = parseSize(text);
  if (bytes >= LEAST_MEMORY) return bytes;
  throw usage(`cannot use --memory "${text}": a machine wants at least 1g`);
}

function disk(text: string): number {
  const bytes = parseSize(text);
  if (bytes >= GIB / 4) return Math.ceil(bytes / 4096) * 4096;
  throw usage(`cannot use --disk "${text}": want at least 256m`);
}
