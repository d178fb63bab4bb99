import { basename, join } from "node:path";
import { killDaemon, processesBelow } from "../host/mod.ts";
import { discardVm } from "../vm/mod.ts";
import type { Container } from "./container.ts";
import { containersFolder, type Context, exists, foldersOf, removeFolder } from "./context.ts";

const KILL_MS = 10_000;

/** Something that does not agree, and what ends it. */
export interface ContainerProblem {
  /** A sentence. */
  readonly text: string;
  /** Absent: only the user can decide. */
  readonly repair?: () => Promise<void>;
}

/**
 * Records without their files, files and processes without a record, states that nothing would end.
 *
 * What is just being made or removed may look like one: who finds a problem looks again a moment later.
 */
export async function findContainerProblems(
  context: Pick<Context, "home" | "hypervisor" | "records">,
  containers: readonly Container[],
): Promise<ContainerProblem[]> {
  const problems: ContainerProblem[] = [];
  for (const container of containers) problems.push(...await problemsOf(context, container));
  const root = containersFolder(context.home);
  for (const id of await folderNames(root)) {
    if (context.records.get(id)) continue;
    problems.push({
      text: `"${join(root, id)}": it belongs to no container`,
      repair: async () => {
        const folders = foldersOf(context.home, id);
        await discardVm(context.hypervisor, folders.vm);
        await removeFolder(folders.root);
      },
    });
  }
  return [...problems, ...await strayProcesses(context, containers)];
}

async function problemsOf(
  { hypervisor }: Pick<Context, "hypervisor">,
  container: Container,
): Promise<ContainerProblem[]> {
  const { config, started, exit } = container.record;
  const { root, upper, vm } = container.folders;
  const name = `container "${config.name}"`;
  if (!await exists(root)) {
    return [{ text: `${name}: its files are gone`, repair: () => container.remove(true) }];
  }
  const problems: ContainerProblem[] = [];
  if (!await exists(join(root, "config.json"))) {
    problems.push({ text: `${name}: its config.json is gone` });
  }
  if (started && !await exists(upper)) {
    problems.push({ text: `${name}: its writable disk is gone` });
  }
  if (container.active || container.hasHelper) return problems;
  if (started && exit?.run !== started.run) {
    problems.push({ text: `${name}: its end is not on record` });
  }
  if (await exists(vm)) {
    problems.push({
      text: `${name}: the folder of a VM is there that does not live`,
      repair: () =>
        container.exclusive(async () => {
          if (container.active || container.hasHelper) return;
          await discardVm(hypervisor, vm);
          await removeFolder(vm);
        }),
    });
  }
  return problems;
}

/** Monitors and their helpers whose container does not run, or is not on record. */
async function strayProcesses(
  { home, records }: Pick<Context, "home" | "records">,
  containers: readonly Container[],
): Promise<ContainerProblem[]> {
  const root = await Deno.realPath(containersFolder(home)).catch(() => containersFolder(home));
  const active = new Set(
    containers.filter((each) => each.active).map(({ folders }) => {
      return basename(folders.root);
    }),
  );
  const strays = (await processesBelow(root)).filter(({ folder }) => {
    const id = folder.slice(root.length + 1).split("/")[0]!;
    return !records.get(id) || !active.has(id);
  });
  return strays.map((stray) => ({
    text: `process ${stray.pid} (${stray.name}): the container that it belongs to does not run`,
    repair: () => killDaemon(stray, KILL_MS),
  }));
}

async function folderNames(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
