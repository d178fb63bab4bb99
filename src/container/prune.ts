import type { PruneContainersReply } from "../api/mod.ts";
import { CtrError, isCtrError, parseDurationMs } from "../core/mod.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import type { ContainerConfig } from "./types.ts";

type Test = (config: ContainerConfig) => boolean;

/**
 * Removes the containers that do not run. One that somebody starts or removes meanwhile is left.
 *
 * @param filters All must hold: `until=TIME` (created before), `label=…`, `label!=…`.
 * @throws {CtrError} `usage` for a filter that cannot be read.
 */
export async function pruneContainers(
  containers: Pick<Containers, "list">,
  filters: readonly string[],
): Promise<PruneContainersReply> {
  const tests = filters.map(parseFilter);
  const removed: string[] = [];
  let reclaimedBytes = 0;
  for (const container of containers.list()) {
    const { config } = container.record;
    if (config.root === "disk") continue; // a machine that is off
    if (!ended(container) || !tests.every((test) => test(config))) continue;
    const bytes = await container.sizeInBytes();
    try {
      await container.remove(false);
    } catch (error) {
      if (isCtrError(error, "invalid-state") || isCtrError(error, "not-found")) continue;
      throw error;
    }
    removed.push(config.id);
    reclaimedBytes += bytes;
  }
  return { removed, reclaimedBytes };
}

function ended({ state }: Container): boolean {
  return state === "created" || state === "exited";
}

function parseFilter(text: string): Test {
  const [, key, value] = /^(until|label|label!)=(.+)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) {
    throw new CtrError(
      "usage",
      `cannot use the filter "${text}": want until=TIME, label=KEY[=VALUE] or label!=KEY[=VALUE]`,
    );
  }
  if (key === "until") {
    const before = moment(text, value);
    return ({ createdAt }) => Date.parse(createdAt) < before;
  }
  return ({ labels }) => hasLabel(labels, value) === (key === "label");
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  if (equals < 0) return Object.hasOwn(labels, wanted);
  return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
}

/** What `until=` says, Unix milliseconds: Unix seconds, a date and time, or how long ago. */
export function moment(filter: string, text: string): number {
  if (/^\d{9,11}(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const time = Date.parse(text);
    if (!Number.isNaN(time)) return time;
    throw new CtrError("usage", `cannot use the filter "${filter}": "${text}" is no date`);
  }
  return Date.now() - parseDurationMs(text);
}
