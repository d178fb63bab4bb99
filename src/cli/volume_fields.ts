import type { Volume } from "../api/mod.ts";
import { formatSize } from "../core/mod.ts";
import { type Filters, hasLabel, oneOf } from "./filters.ts";

/** It was made for one container, and nobody has chosen its name. */
export function isAnonymous({ configuration }: Volume): boolean {
  return Object.hasOwn(configuration.labels, "com.apple.container.resource.anonymous");
}

/** What `ctr volume ls --filter` knows. */
export function volumeFilters(): Filters<Volume> {
  return {
    name: (each, value) => each.id.includes(value),
    label: (each, value) => hasLabel(each.configuration.labels, value),
    driver: (each, value) => each.configuration.driver === value,
    type: (each, value) => each.configuration.type === oneOf("type", value, ["block", "shared"]),
    dangling: (each, value) =>
      (each.status.usedBy.length === 0) ===
        ["true", "1"].includes(oneOf("dangling", value, ["true", "false", "1", "0"])),
  };
}

/** Docker's names, for templates. */
export function volumeFields(each: Volume): Record<string, unknown> {
  const { configuration, status } = each;
  return {
    Name: each.id,
    Driver: configuration.driver,
    Scope: "local",
    Mountpoint: configuration.source,
    CreatedAt: configuration.creationDate,
    Labels: configuration.labels,
    Options: configuration.options,
    Size: formatSize(status.allocatedBytes),
    Links: status.usedBy.length,
    Type: configuration.type,
  };
}
