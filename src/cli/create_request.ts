import { resolve } from "node:path";
import type { CreateRequestInput } from "../api/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { allLabels } from "./label_file.ts";
import { type MountFlags, mountRequest } from "./mount_flags.ts";
import { type NetworkFlags, networkRequest } from "./network_flags.ts";
import { platform, type PlatformFlags } from "./platform.ts";
import { type ProcessFlags, processSpec } from "./process_spec.ts";
import { policies, type PolicyFlags } from "./policy_flags.ts";
import { devices, security } from "./security_flags.ts";
import * as settings from "./settings.ts";

export interface ContainerFlags
  extends ProcessFlags, PlatformFlags, MountFlags, PolicyFlags, NetworkFlags {
  readonly name?: string;
  readonly remove?: boolean;
  readonly cidfile?: string;
  readonly entrypoint?: string;
  readonly cpus?: string;
  readonly memory?: string;
  readonly label?: readonly string[];
  readonly labelFile?: readonly string[];
  readonly hostname?: string;
  readonly domainname?: string;
  readonly init?: boolean;
  readonly readOnly?: boolean;
  readonly shmSize?: string;
  readonly ulimit?: readonly string[];
  readonly pidsLimit?: string;
  readonly oomScoreAdj?: string;
  readonly sysctl?: readonly string[];
  readonly groupAdd?: readonly string[];
  readonly securityOpt?: readonly string[];
  readonly device?: readonly string[];
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly maskedPath?: readonly string[];
  readonly readOnlyPath?: readonly string[];
  readonly stopSignal?: string;
  readonly stopTimeout?: string;
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
  const process = {
    ...await processSpec(app, args, flags),
    ...list("rlimits", rlimits),
    ...list("additionalGroups", settings.groups(flags.groupAdd ?? [])),
  };
  const sysctls = {
    ...(flags.domainname !== undefined && { "kernel.domainname": domain(flags.domainname) }),
    ...settings.sysctls(flags.sysctl ?? []),
  };
  return {
    image,
    process,
    ...given("platform", wanted),
    ...given("name", flags.name),
    ...(flags.entrypoint && { entrypoint: [flags.entrypoint] }), // an empty one is not given
    ...given("hostname", hostname(flags.hostname)),
    ...(flags.remove && { autoRemove: true }),
    ...resources(flags),
    ...(flags.readOnly && { readOnly: true }),
    ...await mountRequest(app, flags),
    ...policies(flags),
    ...record("labels", await allLabels(flags.labelFile ?? [], flags.label ?? [])),
    ...list("capAdd", settings.capabilities("--cap-add", flags.capAdd ?? [])),
    ...list("capDrop", settings.capabilities("--cap-drop", flags.capDrop ?? [])),
    ...list("maskedPaths", settings.paths("--masked-path", flags.maskedPath ?? [])),
    ...list("readonlyPaths", settings.paths("--read-only-path", flags.readOnlyPath ?? [])),
    ...list("devices", devices(flags.device ?? [])),
    ...record("security", await security(flags.securityOpt ?? [])),
    ...record("sysctls", sysctls),
    ...(flags.init && { init: true }),
    ...networkRequest(flags),
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
    ...(flags.pidsLimit !== undefined && // 0 is no limit, as -1 is
      { pidsLimit: Math.max(0, settings.count("--pids-limit", flags.pidsLimit, -1, MOST_PIDS)) }),
    ...(flags.oomScoreAdj !== undefined &&
      { oomScoreAdj: settings.count("--oom-score-adj", flags.oomScoreAdj, -1000, 1000) }),
  };
}

function hostname(text: string | undefined): string | undefined {
  if (text === undefined || /^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,61}[a-zA-Z0-9])?$/.test(text)) {
    return text;
  }
  throw usage(`cannot use --hostname "${text}": want 1 to 63 letters, digits, dots and dashes`);
}

function domain(text: string): string {
  if (/^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,61}[a-zA-Z0-9])?$/.test(text)) return text;
  throw usage(`cannot use --domainname "${text}": want 1 to 63 letters, digits, dots and dashes`);
}

function given<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : { [key]: value } as { [P in K]?: V };
}

function list<K extends string, V>(key: K, values: readonly V[]): { [P in K]?: V[] } {
  return values.length === 0 ? {} : { [key]: [...values] } as { [P in K]?: V[] };
}

/** An object with nothing in it was not asked for. */
function record<K extends string, V extends object>(key: K, value: V): { [P in K]?: V } {
  return Object.keys(value).length === 0 ? {} : { [key]: value } as { [P in K]?: V };
}
