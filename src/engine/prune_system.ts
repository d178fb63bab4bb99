import type { SystemPruneReply } from "../api/mod.ts";
import {
  type ContainerRecords,
  moment,
  networkReferences,
  pruneContainers,
} from "../container/mod.ts";
import { CtrError } from "../core/mod.ts";
import type { PruneOptions } from "../image/mod.ts";
import type { Networks } from "../network/mod.ts";
import type { Stores } from "./disk_usage.ts";
import { pruneNetworks } from "./prune_networks.ts";

export interface PruneParts extends Stores {
  readonly networks: Networks;
  readonly context: { readonly records: ContainerRecords };
}

export interface SystemPrune {
  readonly all: boolean;
  readonly volumes: boolean;
  readonly filters: readonly string[];
}

/**
 * Removes what nothing needs: containers that do not run, then the networks, volumes and images that
 * only they needed, and what killed processes have left of images.
 *
 * @throws {CtrError} `usage` for a filter that cannot be read; nothing was removed then.
 */
export async function pruneSystem(
  { containers, images, volumes, networks, context, builder }: PruneParts,
  { all, volumes: withVolumes, filters }: SystemPrune,
): Promise<SystemPruneReply> {
  const imageOptions = { all, ...imageFilters(filters) };
  const ended = await pruneContainers(containers, filters);
  // How long a network or a volume has been there says nothing of its use.
  const references = (name: string) => networkReferences(context.records, name);
  const ofLabels = filters.filter((filter) => !filter.startsWith("until="));
  const lonely = await pruneNetworks(networks, references, ofLabels);
  const unused = withVolumes ? await volumes.prune(ofLabels) : { removed: [], reclaimedBytes: 0 };
  // Records of builds have no labels.
  const cache = ofLabels.length > 0 ? { deleted: [], reclaimedBytes: 0 } : await builder.prune({
    all,
    filters: imageOptions.until ? [`until=${imageOptions.until.toISOString()}`] : [],
  });
  const { untagged, deleted, reclaimedBytes } = await images.prune(imageOptions);
  const { bytes } = await images.sweep();
  return {
    containers: ended.removed,
    networks: lonely,
    volumes: unused.removed,
    untagged: [...untagged],
    deleted: [...deleted],
    buildCache: cache.deleted,
    reclaimedBytes: ended.reclaimedBytes + unused.reclaimedBytes + cache.reclaimedBytes +
      reclaimedBytes + bytes,
  };
}

function imageFilters(filters: readonly string[]): PruneOptions {
  const labels: NonNullable<PruneOptions["labels"]>[number][] = [];
  let until: Date | undefined;
  for (const filter of filters) {
    const [, key, not, text] = /^(?:(until)|label(!?))=(.+)$/s.exec(filter) ?? [];
    if (text === undefined) {
      throw new CtrError(
        "usage",
        `cannot use the filter "${filter}": want until=TIME, label=KEY[=VALUE] or label!=KEY[=VALUE]`,
      );
    }
    if (key === "until") until = new Date(moment(filter, text));
    else {
      const [name = "", value] = text.split(/=(.*)/s);
      labels.push({ name, value, not: not === "!" });
    }
  }
  return { labels, ...(until && { until }) };
}
