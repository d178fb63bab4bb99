import type { SystemCheck } from "../api/mod.ts";
import { type ContainersContext, findContainerProblems } from "../container/mod.ts";
import type { Networks } from "../network/mod.ts";
import type { Stores } from "./disk_usage.ts";

/** What is being made or removed is whole or gone within this. */
const SETTLE_MS = 500;

interface Problem {
  readonly text: string;
  readonly repair?: (() => Promise<unknown>) | undefined;
}

export interface CheckParts extends Stores {
  readonly networks: Networks;
  readonly context: Pick<ContainersContext, "home" | "hypervisor" | "records">;
  /** Resolves when every VM of an earlier engine was found: until then they belong to nobody. */
  readonly adopted: Promise<unknown>;
}

/**
 * Compares records with files and processes, in both directions, while the engine goes on.
 *
 * A problem is one that is there twice, a moment apart: what is under way at the first look is over at the
 * second.
 *
 * @param repair Ends what nobody needs to decide: leftovers go, and records of what is gone.
 */
export async function checkSystem(parts: CheckParts, repair: boolean): Promise<SystemCheck> {
  await parts.adopted.catch(() => {});
  const problems = await lasting(parts);
  if (!repair || problems.length === 0) {
    return { problems: problems.map(({ text }) => text), repaired: [] };
  }
  for (const problem of problems) await problem.repair?.();
  await parts.volumes.sweep();
  await parts.volumes.forgetLost();
  await parts.images.sweep();
  const left = (await lasting(parts)).map(({ text }) => text);
  const repaired = problems.map(({ text }) => text).filter((text) => !left.includes(text));
  return { problems: left, repaired };
}

async function lasting(parts: CheckParts): Promise<Problem[]> {
  const first = await look(parts);
  if (first.length === 0) return [];
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const again = new Set((await look(parts)).map(({ text }) => text));
  return first.filter(({ text }) => again.has(text));
}

async function look(parts: CheckParts): Promise<Problem[]> {
  const { context, containers, images, volumes, networks } = parts;
  const [ofContainers, ofNetworks, ofImages, ofVolumes] = await Promise.all([
    findContainerProblems(context, containers.list()),
    networks.problems(),
    images.problems(),
    volumes.problems(),
  ]);
  const referenced: Problem[] = [];
  for (const { config } of context.records.all()) {
    for (const mount of config.mounts ?? []) {
      if (mount.type !== "volume" || volumes.has(mount.volume)) continue;
      referenced.push({
        text: `container "${config.name}": its volume "${mount.volume}" is gone`,
      });
    }
  }
  return [
    ...ofContainers,
    ...ofNetworks,
    ...[...ofImages, ...ofVolumes].map((text) => ({ text })),
    ...referenced,
  ];
}
