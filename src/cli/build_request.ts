import type { BuildRequestInput } from "../api/mod.ts";
import { registryEnvironment } from "../api/wire/mod.ts";
import { isCtrError } from "../core/mod.ts";
import { hostArchitecture } from "../host/mod.ts";
import { parseReference } from "../oci/mod.ts";
import type { App } from "./app.ts";
import { cacheSource, cacheTarget, checkCaches } from "./build_cache_flags.ts";
import type { ContextChoice } from "./build_context.ts";
import { namedContexts } from "./build_named_contexts.ts";
import { defined, type OutputFlags, outputs } from "./build_outputs.ts";
import { readSecrets } from "./build_secrets.ts";
import type { SshAgent } from "./build_ssh.ts";
import { usage } from "./errors.ts";
import { platform } from "./platform.ts";
import * as settings from "./settings.ts";

export interface BuildFlags extends OutputFlags {
  readonly file?: string;
  readonly tag?: readonly string[];
  readonly target?: string;
  readonly buildArg?: readonly string[];
  readonly buildContext?: readonly string[];
  readonly platform?: readonly string[];
  readonly arch?: readonly string[];
  readonly os?: readonly string[];
  readonly label?: readonly string[];
  readonly annotation?: readonly string[];
  readonly call?: string;
  readonly check?: boolean;
  readonly iidfile?: string;
  readonly metadataFile?: string;
  readonly quiet?: boolean;
  readonly progress?: string;
  readonly cache?: boolean;
  readonly noCacheFilter?: readonly string[];
  readonly cacheFrom?: readonly string[];
  readonly cacheTo?: readonly string[];
  readonly pull?: boolean;
  readonly secret?: readonly string[];
  readonly ssh?: readonly string[];
  readonly network?: string;
  readonly addHost?: readonly string[];
  readonly dns?: readonly string[];
  readonly dnsDomain?: string;
  readonly dnsSearch?: readonly string[];
  readonly dnsOption?: readonly string[];
  readonly allow?: readonly string[];
  readonly cpus?: string;
  readonly memory?: string;
  readonly shmSize?: string;
  readonly ulimit?: readonly string[];
}

/** What the engine is asked for. @throws {CtrError} `usage`, `not-found`, `denied`. */
export async function buildRequest(
  app: App,
  { context, dockerfile }: ContextChoice,
  flags: BuildFlags,
  ssh: readonly SshAgent[],
): Promise<BuildRequestInput> {
  const cacheFrom = (flags.cacheFrom ?? []).map(cacheSource);
  const noCache = flags.cache === false;
  checkCaches(noCache, cacheFrom);
  return {
    context,
    dockerfile,
    ...defined("target", flags.target || undefined),
    buildArgs: buildArgs(flags.buildArg ?? [], app.env),
    labels: settings.labels(flags.label ?? []),
    annotations: (flags.annotation ?? []).map(annotation),
    tags: (flags.tag ?? []).map(checkedTag),
    platforms: platforms(app, flags),
    contexts: await namedContexts(flags.buildContext ?? []),
    secrets: await readSecrets(flags.secret ?? [], app.env),
    ssh: [...ssh],
    cacheFrom,
    cacheTo: (flags.cacheTo ?? []).map(cacheTarget),
    outputs: outputs(flags, app.stdout.isTerminal),
    noCache,
    noCacheFilter: listed(flags.noCacheFilter),
    pull: flags.pull ?? false,
    ...steps(flags),
    environment: registryEnvironment(),
  };
}

/** What is true of the steps that run. */
function steps(flags: BuildFlags): Partial<BuildRequestInput> {
  const network = flags.network ?? "default";
  if (network !== "default" && network !== "none" && network !== "host") {
    throw usage(`cannot use --network "${network}": want default, none or host`);
  }
  const allow = listed(flags.allow).map(right);
  return {
    network,
    // Whoever asks for the host's network on the command line permits it.
    allow: network === "host" ? [...new Set([...allow, "network.host" as const])] : allow,
    addHosts: settings.hosts(flags.addHost ?? []),
    ...dns(flags),
    ...(flags.cpus !== undefined && { cpus: settings.count("--cpus", flags.cpus, 1, 256) }),
    ...(flags.memory !== undefined && { memoryBytes: settings.memory(flags.memory) }),
    ...(flags.shmSize !== undefined && { shmBytes: settings.shm(flags.shmSize) }),
    ulimits: settings.ulimits(flags.ulimit ?? []),
  };
}

function dns(flags: BuildFlags): Pick<BuildRequestInput, "dns"> {
  const dns = {
    nameservers: settings.addresses("--dns", flags.dns ?? []),
    search: [...flags.dnsSearch ?? []],
    options: [...flags.dnsOption ?? []],
    ...defined("domain", flags.dnsDomain),
  };
  return Object.values(dns).some((value) => value.length > 0) ? { dns } : {};
}

function right(text: string): "network.host" | "security.insecure" {
  if (text === "network.host" || text === "security.insecure") return text;
  throw usage(`cannot use --allow "${text}": want network.host or security.insecure`);
}

/** Values that are given one by one or parted by commas. */
function listed(texts: readonly string[] = []): string[] {
  return texts.flatMap((text) => text.split(",")).map((text) => text.trim()).filter(Boolean);
}

/** A bare name is taken over from here, and left out if it is not set. */
function buildArgs(
  texts: readonly string[],
  lookup: (name: string) => string | undefined,
): Record<string, string> {
  const found: Record<string, string> = {};
  const epoch = lookup("SOURCE_DATE_EPOCH");
  if (epoch) found["SOURCE_DATE_EPOCH"] = epoch;
  for (const text of texts) {
    const [name = "", value] = text.split(/=(.*)/s);
    if (name === "") throw usage(`cannot use --build-arg "${text}": want name=value`);
    const given = value ?? lookup(name);
    if (given !== undefined) found[name] = given;
  }
  return found;
}

const LEVELS = ["manifest", "index", "manifest-descriptor", "index-descriptor"] as const;

/** `[level:]key=value`. */
function annotation(text: string) {
  const [, prefix, key = "", value] = /^(?:([a-z-]+):)?([^=]*)=(.*)$/s.exec(text) ??
    [];
  const level = LEVELS.find((each) => each === (prefix ?? "manifest"));
  if (level === undefined || key === "" || value === undefined) {
    throw usage(
      `cannot use --annotation "${text}": want [level:]key=value`,
      `levels are ${LEVELS.join(", ")}`,
    );
  }
  return { level, key, value };
}

function checkedTag(text: string): string {
  try {
    const { digest } = parseReference(text);
    if (digest === undefined) return text;
  } catch (error) {
    if (!isCtrError(error)) throw error;
    throw usage(`cannot use --tag "${text}": ${error.message.replace(/^.*": /, "")}`, error.hint);
  }
  throw usage(`cannot use --tag "${text}": an image cannot be given a digest`);
}

/** `--platform`, else `CTR_DEFAULT_PLATFORM`, else every `--os` with every `--arch`. */
function platforms(app: App, flags: BuildFlags): string[] {
  const given = listed(flags.platform);
  if (given.length > 0) {
    return unique(
      given.map((text) => text === "local" ? [] : platform(app, { platform: text }, "flags")!),
    );
  }
  const [arch, os] = [listed(flags.arch), listed(flags.os)];
  const preset = platform(app, {}, "environment");
  if (preset !== undefined) return [preset];
  if (arch.length === 0 && os.length === 0) return [];
  const systems = os.length > 0 ? os : ["linux"];
  const machines = arch.length > 0 ? arch : [hostArchitecture()];
  return unique(
    systems.flatMap((os) => machines.map((arch) => platform(app, { os, arch }, "flags")!)),
  );
}

function unique(values: readonly (string | readonly string[])[]): string[] {
  return [...new Set(values.flat())];
}
