import type { CreateRequest, ProcessSpec } from "../api/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { ResolvedImage } from "../image/mod.ts";
import { capabilities } from "./capabilities.ts";
import {
  MASKED_PATHS,
  PIDS,
  READONLY_PATHS,
  STOP_SIGNAL,
  STOP_TIMEOUT_MS,
  SYSCTLS,
} from "./defaults.ts";
import { mergeHealth } from "./health_plan.ts";
import { mergeNetwork } from "./networking/merge_network.ts";
import { compileSeccomp } from "./seccomp_profile.ts";
import { hostnameOf } from "./names.ts";
import { signalName, signalNumber } from "./signals.ts";
import { SSH_AGENT_PATH } from "./sockets/plan.ts";
import type { ContainerConfig, ProcessConfig } from "./types.ts";
import { checkMemory } from "./update.ts";

export interface Defaults {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** What of an image counts for a container of it. */
export type ImageFacts = Pick<
  ResolvedImage,
  "reference" | "descriptor" | "manifestDigest" | "platform" | "config" | "privilegedFiles"
>;

/**
 * What a container is, from what was asked for and what its image says, by Docker's rules.
 *
 * @throws {CtrError} `usage` if there is nothing to run or a value cannot be used.
 */
export function mergeConfig(
  request: CreateRequest,
  image: ImageFacts,
  identity: { readonly id: string; readonly name: string },
  defaults: Defaults,
  { ownDisk = false } = {},
): ContainerConfig {
  const memoryBytes = request.memoryBytes ?? defaults.memoryBytes;
  checkMemory(identity.name, memoryBytes, "create");
  checkRestart(identity.name, request);
  const { seccomp } = request.security;
  const held = capabilities(request.capAdd, request.capDrop);
  if (seccomp !== undefined && seccomp !== "unconfined") { // refused now, not at the start
    compileSeccomp(seccomp, image.platform.architecture, held);
  }
  const systemPaths = request.security.systempaths === "unconfined";
  return {
    ...identity,
    createdAt: new Date().toISOString(),
    image: {
      reference: image.reference,
      digest: image.descriptor.digest,
      manifest: image.manifestDigest,
    },
    platform: image.platform,
    ...(ownDisk && { root: "disk" }),
    process: mergeProcess(request, image, ownDisk && request.init),
    entrypoint: request.entrypoint ?? image.config.config?.Entrypoint ?? [],
    capabilities: held,
    noNewPrivileges: noNewPrivileges(request, image),
    hostname: request.hostname ?? hostnameOf(identity.name),
    autoRemove: request.autoRemove,
    cpus: request.cpus ?? defaults.cpus,
    memoryBytes,
    pidsLimit: request.pidsLimit ?? PIDS,
    shmBytes: request.shmBytes ?? 0,
    readOnly: request.readOnly,
    tmpfs: request.tmpfs,
    labels: { ...image.config.config?.Labels, ...request.labels },
    maskedPaths: pathsOver(systemPaths ? [] : MASKED_PATHS, request.maskedPaths),
    readonlyPaths: pathsOver(systemPaths ? [] : READONLY_PATHS, request.readonlyPaths),
    sysctls: { ...SYSCTLS, ...request.sysctls },
    init: request.init,
    ...mergeNetwork(identity.name, request, image.config.config?.ExposedPorts),
    dns: request.dns,
    addHosts: request.addHosts,
    kernel: request.kernel,
    kernelArguments: request.kernelArguments,
    stopSignal: stopSignal(request.stopSignal ?? image.config.config?.StopSignal),
    stopTimeoutMs: request.stopTimeoutMs ?? STOP_TIMEOUT_MS,
    mounts: [], // filled in where the volumes are known
    publishedSockets: request.publishedSockets,
    sshAgent: request.sshAgent,
    devices: request.devices,
    privileged: request.process.privileged,
    seccomp,
    oomScoreAdj: request.oomScoreAdj ?? 0,
    linkLocal: request.linkLocal,
    restart: request.restart ?? { name: "no", maximumRetries: 0 },
    health: mergeHealth(request.health, image.config.config?.Healthcheck),
  };
}

/** Further ones are added; `NONE` clears all that came before it, the defaults too. */
function pathsOver(defaults: readonly string[], given: readonly string[] = []): string[] {
  const none = given.lastIndexOf("NONE");
  return [...new Set(none < 0 ? [...defaults, ...given] : given.slice(none + 1))];
}

/** What goes when it ends cannot be started again. */
function checkRestart(name: string, { autoRemove, restart }: CreateRequest): void {
  if (!autoRemove || !restart || restart.name === "no") return;
  throw new CtrError("usage", `cannot create "${name}": --rm and --restart exclude each other`, {
    hint: "leave one of them out",
  });
}

/** An image's empty `StopSignal` is none; one that Linux does not know is refused here, not at stop. */
function stopSignal(text: string | undefined): string {
  return signalName(signalNumber(text || STOP_SIGNAL));
}

/** @param mayStay Nothing may be what is to run, and the image does not say it. */
function mergeProcess(request: CreateRequest, image: ImageFacts, mayStay: boolean): ProcessConfig {
  const { process: spec } = request;
  const of = image.config.config;
  const entrypoint = request.entrypoint ?? (mayStay ? [] : of?.Entrypoint) ?? [];
  const command = spec.args.length > 0 || request.entrypoint || mayStay ? spec.args : of?.Cmd ?? [];
  const args = [...entrypoint, ...command];
  if (args.length === 0 && !mayStay) {
    throw new CtrError("usage", `cannot run "${image.reference}": the image names no command`, {
      hint: "write a command behind the image",
    });
  }
  return {
    ...plain(spec),
    args,
    env: mergeEnv(of?.Env ?? [], [...(mayStay ? [] : agentEnv(request)), ...spec.env]),
    cwd: spec.cwd || of?.WorkingDir || "/",
    user: spec.user || of?.User || "",
  };
}

/** How programs find the forwarded agent. */
function agentEnv({ sshAgent }: CreateRequest): readonly string[] {
  return sshAgent ? [`SSH_AUTH_SOCK=${SSH_AGENT_PATH}`] : [];
}

/** A process that is added to a container inherits what it does not say itself. */
export function mergeExec(spec: ProcessSpec, container: ContainerConfig): ProcessConfig {
  if (spec.args.length === 0) {
    throw new CtrError("usage", `cannot run in "${container.name}": no command was given`);
  }
  const { process } = container;
  return {
    ...plain(spec),
    args: spec.args,
    env: mergeEnv(process.env, spec.env),
    cwd: spec.cwd || process.cwd,
    user: spec.user || process.user,
    rlimits: spec.rlimits.length > 0 ? spec.rlimits : process.rlimits,
  };
}

function plain(spec: ProcessSpec) {
  const { additionalGids, additionalGroups, privileged, rlimits } = spec;
  const { terminal, rows, columns, interactive } = spec;
  return {
    additionalGids,
    additionalGroups,
    terminal,
    rows,
    columns,
    interactive,
    privileged,
    rlimits,
  };
}

/** Later wins, in the place of the earlier one. Entries of the image without `=` are ignored. */
function mergeEnv(image: readonly string[], given: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const entry of [...image, ...given]) {
    const equals = entry.indexOf("=");
    if (equals > 0) byName.set(entry.slice(0, equals), entry);
  }
  return [...byName.values()];
}

/**
 * Whether the container's processes are kept from gaining privileges by executing a file.
 *
 * An image without a setuid, setgid or file capability file loses nothing by it. In one that has such
 * files they work, as they do in Docker; seccomp and the capability bounding set hold there.
 */
function noNewPrivileges(
  { process, security }: CreateRequest,
  { privilegedFiles }: ImageFacts,
): boolean {
  return security.noNewPrivileges ?? (privilegedFiles === 0 && !process.privileged);
}
