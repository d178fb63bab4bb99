import { resolve } from "node:path";
import type { CreateRequestInput } from "../api/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { platform, type PlatformFlags } from "./platform.ts";
import { type ProcessFlags, processSpec } from "./process_spec.ts";
import * as settings from "./settings.ts";

export interface ContainerFlags extends ProcessFlags, PlatformFlags {
  readonly name?: string;
  readonly remove?: boolean;
  readonly cidfile?: string;
  readonly entrypoint?: string;
  readonly cpus?: string;
  readonly memory?: string;
  readonly label?: readonly string[];
  readonly hostname?: string;
  readonly init?: boolean;
  readonly readOnly?: boolean;
  readonly tmpfs?: readonly string[];
  readonly shmSize?: string;
  readonly ulimit?: readonly string[];
  readonly pidsLimit?: string;
  readonly sysctl?: readonly string[];
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly maskedPath?: readonly string[];
  readonly readOnlyPath?: readonly string[];
  readonly stopSignal?: string;
  readonly stopTimeout?: string;
  readonly network?: string;
  readonly dns?: readonly string[];
  readonly dnsDomain?: string;
  readonly dnsSearch?: readonly string[];
  readonly dnsOption?: readonly string[];
  readonly noDns?: boolean;
  readonly addHost?: readonly string[];
  readonly kernel?: string;
  readonly kernelArg?: readonly string[];
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/;
const MOST_PIDS = 4_194_304; // PID_MAX_LIMIT of 64-bit Linux

/** What `POST /containers` takes. Flags that were not given are left out: the engine has defaults. */
export async function createRequest(
  app: App,
  image: string,
  args: readonly string[],
  flags: ContainerFlags,
): Promise<CreateRequestInput> {
  if (flags.name !== undefined && !NAME.test(flags.name)) {
    throw usage(
      `cannot use --name "${flags.name}": want 1 to 63 letters, digits, dots, dashes and ` +
        "underscores, a letter or digit first",
    );
  }
  const wanted = platform(app, flags, "environment");
  const rlimits = settings.ulimits(flags.ulimit ?? []);
  const process = await processSpec(app, args, flags);
  return {
    image,
    process: rlimits.length === 0 ? process : { ...process, rlimits },
    ...given("platform", wanted),
    ...given("name", flags.name),
    ...(flags.entrypoint && { entrypoint: [flags.entrypoint] }), // an empty one is not given
    ...given("hostname", hostname(flags.hostname)),
    ...(flags.remove && { autoRemove: true }),
    ...resources(flags),
    ...(flags.readOnly && { readOnly: true }),
    ...list("tmpfs", settings.tmpfs(flags.tmpfs ?? [])),
    ...(flags.label && { labels: settings.labels(flags.label) }),
    ...list("capAdd", settings.capabilities("--cap-add", flags.capAdd ?? [])),
    ...list("capDrop", settings.capabilities("--cap-drop", flags.capDrop ?? [])),
    ...list("maskedPaths", settings.paths("--masked-path", flags.maskedPath ?? [])),
    ...list("readonlyPaths", settings.paths("--read-only-path", flags.readOnlyPath ?? [])),
    ...(flags.sysctl && { sysctls: settings.sysctls(flags.sysctl) }),
    ...(flags.init && { init: true }),
    ...network(flags),
    ...(flags.kernel !== undefined && { kernel: resolve(flags.kernel) }),
    ...list("kernelArguments", flags.kernelArg ?? []),
    ...given("stopSignal", flags.stopSignal),
    ...(flags.stopTimeout !== undefined &&
      { stopTimeoutMs: settings.seconds("--stop-timeout", flags.stopTimeout) }),
  };
}

function resources(flags: ContainerFlags): Partial<CreateRequestInput> {
  return {
    ...(flags.cpus !== undefined && { cpus: settings.count("--cpus", flags.cpus, 1, 256) }),
    ...(flags.memory !== undefined && { memoryBytes: settings.memory(flags.memory) }),
    ...(flags.shmSize !== undefined && { shmBytes: settings.shm(flags.shmSize) }),
    ...(flags.pidsLimit !== undefined && flags.pidsLimit !== "-1" &&
      { pidsLimit: settings.count("--pids-limit", flags.pidsLimit, 0, MOST_PIDS) }),
  };
}

function network(flags: ContainerFlags): Partial<CreateRequestInput> {
  const { network: name = "default" } = flags;
  if (name !== "default" && name !== "none") {
    throw usage(`cannot use --network "${name}": this version of ctr has "default" and "none"`);
  }
  const dns = {
    nameservers: settings.addresses("--dns", flags.dns ?? []),
    search: [...flags.dnsSearch ?? []],
    options: [...flags.dnsOption ?? []],
    ...given("domain", flags.dnsDomain),
  };
  const asked = Object.values(dns).some((value) => value.length > 0);
  if (flags.noDns && asked) throw usage('cannot use "--no-dns" together with other --dns flags');
  return {
    ...(name === "none" && { network: name }),
    ...(flags.noDns ? { dns: { keep: true } } : asked && { dns }),
    ...list("addHosts", settings.hosts(flags.addHost ?? [])),
  };
}

function hostname(text: string | undefined): string | undefined {
  if (text === undefined || /^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,61}[a-zA-Z0-9])?$/.test(text)) {
    return text;
  }
  throw usage(`cannot use --hostname "${text}": want 1 to 63 letters, digits, dots and dashes`);
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : { [key]: value } as { [P in K]?: V };
}

function list<K extends string, V>(key: K, values: readonly V[]): { [P in K]?: V[] } {
  return values.length === 0 ? {} : { [key]: [...values] } as { [P in K]?: V[] };
}
