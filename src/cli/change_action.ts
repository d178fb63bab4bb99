import { PruneContainersReply, type UpdateReply, type UpdateRequest } from "../api/mod.ts";
import { formatSize, isBareNumber, parseSize } from "../core/mod.ts";
import type { App } from "./app.ts";
import { usage } from "./errors.ts";
import { parseAnswer } from "./parse_answer.ts";
import { restartPolicy } from "./policy_flags.ts";
import { count } from "./settings.ts";
import { allTargets, containerPath } from "./targets.ts";

/** What a guest cannot begin without. */
const LEAST_MEMORY = 32 * 1024 * 1024;
const MOST_PIDS = 4_194_304; // PID_MAX_LIMIT of 64-bit Linux
/** Removing takes as long as there are containers. */
const NO_DEADLINE = {};

export async function pause(app: App, containers: readonly string[]): Promise<void> {
  await eachPost(app, containers, "pause");
}

export async function unpause(app: App, containers: readonly string[]): Promise<void> {
  await eachPost(app, containers, "unpause");
}

async function eachPost(app: App, containers: readonly string[], action: string): Promise<void> {
  const engine = await app.engine();
  const act = (container: string) => engine.post(containerPath(container, action), {}, {});
  await allTargets(app, containers, act, (container) => app.stdout.line(container));
}

/** Prints the new name. */
export async function rename(app: App, container: string, name: string): Promise<void> {
  const engine = await app.engine();
  await engine.post(containerPath(container, "rename"), { name }, {});
  app.stdout.line(name);
}

interface UpdateFlags {
  readonly memory?: string;
  readonly cpus?: string;
  readonly pidsLimit?: string;
  readonly restart?: string;
}

/** Prints each name, and what has to wait for the next start. */
export async function update(
  app: App,
  containers: readonly string[],
  flags: UpdateFlags,
): Promise<void> {
  const request = updateRequest(flags);
  const engine = await app.engine();
  const act = (container: string) =>
    engine.post(containerPath(container, "update"), request, {}) as Promise<UpdateReply>;
  await allTargets(app, containers, act, (container, { warnings = [] }) => {
    for (const warning of warnings) app.stderr.line(`warning: ${container}: ${warning}`);
    app.stdout.line(container);
  });
}

function updateRequest({ memory, cpus, pidsLimit, restart }: UpdateFlags): UpdateRequest {
  const request: UpdateRequest = {
    ...(memory !== undefined && { memoryBytes: memoryBytes(memory) }),
    ...(cpus !== undefined && { cpus: count("--cpus", cpus, 1, 256) }),
    ...(pidsLimit !== undefined && { pidsLimit: pids(pidsLimit) }),
    ...(restart !== undefined && { restart: named(restart) }),
  };
  if (Object.keys(request).length > 0) return request;
  throw usage("want something to change", 'see "ctr update --help"');
}

function named(text: string) {
  const { name = "no", maximumRetries = 0 } = restartPolicy(text);
  return { name, maximumRetries };
}

/** The engine knows how much the host has. */
function memoryBytes(text: string): number {
  const bytes = parseSize(text);
  if (bytes >= LEAST_MEMORY) return bytes;
  throw usage(
    `cannot use --memory "${text}": want at least 32M`,
    isBareNumber(text) ? `did you mean "${text}M"? without a suffix it is bytes` : undefined,
  );
}

function pids(text: string): number {
  return text === "-1" ? 0 : count("--pids-limit", text, 0, MOST_PIDS);
}

/** Prints the IDs of what was removed, and what that gave back. */
export async function prune(
  app: App,
  flags: { readonly filter?: readonly string[] },
): Promise<void> {
  const engine = await app.engine();
  const filters = flags.filter ?? [];
  const answer = await engine.post("/containers/prune", { filters }, NO_DEADLINE);
  const { removed, reclaimedBytes } = parseAnswer(PruneContainersReply, answer);
  for (const id of removed) app.stdout.line(id);
  const size = reclaimedBytes === 0 ? "Zero KB" : formatSize(reclaimedBytes);
  app.stderr.line(`Reclaimed ${size} in disk space`);
}
